"""Counterparts of gendered words: he and she, actor and actress."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

NEXT_WORD = re.compile(r"\s+(?:[\"'“‘]\s*)?([\w’'-]+)")
"""The next word of the same clause, which may be quoted."""


def other_gender(word: str, rest: str) -> str | None:
    """Return the counterpart of a lower-case gendered word; None for any other word.

    "her" corresponds to both "him" and "his". Before a word that can begin a noun phrase it counts
    as a possessive ("her book" → "his book"), otherwise as an object ("saw her." → "saw him.").
    "his" becomes "her" or "hers" by the same rule. The rule fails if an adjective or a verb follows
    an object: "it made her famous" → "it made his famous".

    Args:
        word: in lower case, with the apostrophe ' if it has one.
        rest: the text after the word.
    """
    if word == "her":
        return "his" if begins_noun_phrase(rest) else "him"
    if word == "his":
        return "her" if begins_noun_phrase(rest) else "hers"
    return _pairs().get(word)


def gender_words() -> list[str]:
    """Return the words that have a counterpart."""
    return ["her", "his", *_pairs()]


def begins_noun_phrase(rest: str) -> bool:
    """Return whether the next word can begin a noun phrase after a possessive."""
    following = NEXT_WORD.match(rest)
    return following is not None and following[1].lower() not in _read()["alone"]


@cache
def _pairs() -> dict[str, str]:
    """Return word → counterpart for unambiguous words, in lower case and both directions."""
    pairs = {"him": "her", "hers": "his"}
    for line in _read()["pairs"]:
        male, female = line.lower().split(" | ")
        pairs |= {male: female, female: male}
    return pairs


@cache
def _read() -> dict[str, Any]:
    data = tomllib.loads(files(__package__).joinpath("gender.toml").read_text(encoding="utf-8"))
    return data | {"alone": frozenset(data["alone"])}
