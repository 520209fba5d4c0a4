"""Words of running text, in a plain form that survives inflection, leetspeak and spacing.

"h4ting", "h a t e s" and "HATED" all have the form "hate".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LEET = str.maketrans("013457$@", "oieastsa")
"""Figures and signs that stand for letters."""
WORD = re.compile(
    r"\b[^\W\d_](?:\s[^\W\d_]\b){2,}"  # letters set apart: h a t e
    r"|[^\W_](?:[@$*]?[^\W_])*(?:['’][a-z]+)?",
    re.IGNORECASE,
)
ENDINGS = ("ies", "sses", "ings", "ing", "ers", "est", "ed", "er", "ly", "es", "s")
"""Inflections; the first that fits counts."""
LEFT = {"ies": "y", "sses": "ss"}
"""What is left of an inflection, where something is."""
SHORT = re.compile(r"[^aeiou]*[aeiouy][^aeiouwxy]")
"""A word that would have doubled its last consonant, had it no e: hat(ing) is of hate."""
SHORTEST = 3
"""Letters of a form at least."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it stands in its text."""

    start: int
    end: int
    plain: str
    """In lower case and straight letters: "h4ting" → "hating"."""

    @property
    def form(self) -> str:
        """Without its inflection: "hating" → "hate"."""
        return stem(self.plain)


def split_words(text: str) -> Iterator[Word]:
    """The words of a text, in order."""
    for match in WORD.finditer(text):
        yield Word(match.start(), match.end(), fold_characters(match[0]))


@lru_cache(maxsize=1 << 16)
def fold_characters(word: str) -> str:
    """Lower case, letters for figures, nothing repeated for emphasis, no possessive."""
    word = re.sub(r"\s", "", word.lower().replace("’", "'"))
    if re.search("[a-z]", word) and not re.fullmatch(r"\d+(st|nd|rd|th|s|k|m)?", word):
        word = word.translate(LEET)
    return re.sub(r"(.)\1{2,}", r"\1", word).removesuffix("'s")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A plain word without its inflection; it is no dictionary's word.

    Only that the inflections of a word agree is promised: love, loves, loved, loving → "love",
    carry, carries → "carri".
    """
    for ending in ENDINGS:
        if not word.endswith(ending) or (ending == "s" and word.endswith("ss")):
            continue
        stem = word.removesuffix(ending) + LEFT.get(ending, "")
        if len(stem) < SHORTEST:
            continue
        if ending in ("ing", "ings", "ers", "est", "ed", "er", "es"):
            if len(stem) > SHORTEST and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                return stem[:-1]
            stem += "e" if SHORT.fullmatch(stem) else ""
        word = stem
        break
    if len(word) > SHORTEST and word.endswith("e") and not SHORT.fullmatch(word[:-1]):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > SHORTEST and word.endswith("y") else word
