"""The words after a benchmark's name: `stereoset:test:bias-bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairforget.errors import InputError


def chosen(
    name: str, words: Sequence[str], choices: Mapping[str, Sequence[str]], *, rest: str = ""
) -> dict[str, str]:
    """What each word chooses: `{"split": "test", "protocol": "bias-bench"}`.

    Args:
        name: the benchmark's, for errors.
        words: as typed.
        choices: what can be chosen, and the words for it.
        rest: what a word that is none of these chooses (such as a file), if anything.

    Raises:
        InputError: a word that means nothing, or two that choose the same thing.
    """
    found: dict[str, str] = {}
    for word in words:
        kind = next((k for k, known in choices.items() if word in known), rest)
        if not kind or not word:
            known = [w for group in choices.values() for w in group]
            raise InputError(
                f"benchmark {name!r} has no option {word!r}; choose from {', '.join(known)}"
            )
        if kind in found:
            raise InputError(
                f"benchmark {name!r} is given two options for {kind}, {found[kind]!r} and {word!r}"
            )
        found[kind] = word
    return found
