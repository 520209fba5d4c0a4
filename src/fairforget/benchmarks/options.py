"""The words after a benchmark's name: `stereoset:test:bias-bench`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairforget.errors import InputError
from fairforget.models.kind import Kind

Protocols = Mapping[Kind, Sequence[str]]
"""By kind of model; the first is the default."""
WITH_FILES = ("stereoset", "crows_pairs")
"""The benchmarks whose items may be a file."""
FILE = "file"
"""What a word chooses that is the path of one."""


def parse_options(
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


def list_options(names: Sequence[str]) -> list[str]:
    """All words after the names of benchmarks."""
    return [word for name in names for word in name.split(":")[1:]]


def find_user_file(name: str) -> str | None:
    """The file of the user's whose items a benchmark is told to take, by its name with options."""
    if name.partition(":")[0] not in WITH_FILES:
        return None
    return next((word for word in list_options([name]) if Path(word).suffix), None)


def parse_share(name: str, word: str) -> float:
    """A share such as `10%`, as a number.

    Raises:
        InputError: it is no percentage above 0 % and up to 100 %.
    """
    if not re.fullmatch(r"\d+(\.\d+)?%", word) or not 0 < float(word[:-1]) <= 100:
        raise InputError(f"{name} share {word!r} is no percentage above 0% and up to 100%")
    return float(word[:-1]) / 100


def list_model_kinds(protocols: Protocols, protocol: str | None) -> tuple[Kind, ...]:
    """The kinds of model that know a protocol; all of them where none is named."""
    return tuple(kind for kind, known in protocols.items() if protocol in (None, *known))
