"""The words after a benchmark's name: `stereoset:test:bias-bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fairforget.errors import InputError

FILE = "file"
"""What a word chooses that is the path of one."""


def chosen(
    name: str, words: Sequence[str], choices: Mapping[str, Sequence[str]], *, rest: str = ""
) -> dict[str, str]:
    """What each word chooses: `{"split": "test", "protocol": "bias-bench"}`.

    Args:
        name: the benchmark's, for errors.
        words: as typed.
        choices: what can be chosen, and the words for it.
        rest: what a word that is none of these chooses (such as `FILE`), if anything.

    Raises:
        InputError: a word that means nothing, or two that choose the same thing.
    """
    found: dict[str, str] = {}
    for word in words:
        kind = next((k for k, known in choices.items() if word in known), rest)
        no_file = kind == rest == FILE and not (Path(word).suffix or Path(word).exists())
        if not kind or not word or no_file:
            known = [w for group in choices.values() for w in group]
            nor = ", and there is no such file" if no_file and word else ""
            raise InputError(
                f"benchmark {name!r} has no option {word!r}{nor}; choose from {', '.join(known)}"
            )
        if kind in found:
            raise InputError(
                f"benchmark {name!r} is given two options for {kind}, {found[kind]!r} and {word!r}"
            )
        found[kind] = word
    return found
