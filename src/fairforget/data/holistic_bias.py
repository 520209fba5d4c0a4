"""Read HolisticBias (Smith et al. 2022): descriptors on 12 demographic axes, and invented words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairforget.data.catalogue import HOLISTIC_BIAS
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.text import parse_json, read_text

DESCRIPTORS, NOUNS = HOLISTIC_BIAS


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A word for people, such as an adjective, with the plural nouns that it can go with."""

    axis: str
    bucket: str
    """Part of the axis."""
    word: str
    preference: str
    """Label of the authors, such as "dispreferred"; "" without one."""
    nouns: tuple[str, ...]
    """In the plural; of one gender, if the word has one."""


def read_descriptors() -> list[Descriptor]:
    """Read the original descriptors (version 1.1), without the noun phrases that stand alone.

    Raises:
        InputError: a file is missing or malformed; names the file and the entry.
    """
    paths = [find_file(file) for file in (DESCRIPTORS, NOUNS)]
    contents = [parse_json(read_text(path), str(path)) for path in paths]
    return parse_descriptors(*contents, *map(str, paths))


def parse_descriptors(
    descriptors: Any, nouns: Any, where: str = "descriptors", where_nouns: str = "nouns"
) -> list[Descriptor]:
    """Read the content of both files.

    Args:
        descriptors: axis → bucket → a list of words, or of objects with `descriptor` and possibly
            `preference` and `gender`.
        nouns: gender → a list of nouns, each in the singular and in the plural.
        where: the first file, for errors.
        where_nouns: the second.

    Raises:
        InputError: the content is something else, or empty.
    """
    plurals = dict(_read_nouns(nouns, where_nouns))
    found: list[Descriptor] = []
    listed: set[tuple[str, str]] = set()
    for axis, buckets in _items(descriptors):
        for bucket, entries in _items(buckets):
            for number, entry in enumerate(entries if isinstance(entries, list) else (), 1):
                fields = entry if isinstance(entry, dict) else {"descriptor": entry}
                word, gender = fields.get("descriptor"), fields.get("gender")
                if not isinstance(word, str) or not word.strip():
                    raise InputError(
                        f"{where}: descriptor {number} of {axis!r}, {bucket!r} is not a word"
                    )
                if gender is not None and gender not in plurals:
                    raise InputError(
                        f"{where}: descriptor {word!r} has gender {gender!r}, which {where_nouns} "
                        "does not have"
                    )
                chosen = [gender] if gender else list(plurals)
                if (axis, word) in listed:
                    raise InputError(f"{where}: {axis!r} lists {word!r} twice; remove one")
                listed.add((axis, word))
                found.append(
                    Descriptor(
                        axis,
                        bucket,
                        word,
                        str(fields.get("preference", "")),
                        tuple(noun for name in chosen for noun in plurals[name]),
                    )
                )
    if not found:
        raise InputError(f"{where}: no descriptors found; is it a file of HolisticBias?")
    return found


def _read_nouns(content: Any, where: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each gender with its plural nouns."""
    for gender, pairs in _items(content):
        try:
            plurals = tuple(plural for _, plural in pairs)
        except (TypeError, ValueError):
            plurals = ()
        if not plurals or not all(isinstance(plural, str) and plural for plural in plurals):
            raise InputError(f"{where}: {gender!r} is not a list of pairs of nouns")
        yield gender, plurals


def _items(content: Any) -> list[tuple[str, Any]]:
    return list(content.items()) if isinstance(content, dict) else []
