"""Split text into words, normalised for inflection, leetspeak and spaced letters.

"h4ting", "h a t e s" and "HATED" all have the form "hate". Composed and decomposed accents are the
same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LEET = str.maketrans("013457$@", "oieastsa")
"""Digits and signs that replace letters."""


def _marks() -> str:
    """Return a character class of the combining characters, such as accents and vowel signs."""
    is_mark = [unicodedata.category(chr(code))[0] == "M" for code in range(0x10000)]
    starts = (code for code in range(1, 0x10000) if is_mark[code] and not is_mark[code - 1])
    ranges = (f"{chr(start)}-{chr(is_mark.index(False, start) - 1)}" for start in starts)
    return f"[{''.join(ranges)}]"


MARK = f"(?-i:{_marks()})"
"""A pattern for a combining character, which belongs to the letter before it; a Greek letter would
match if case were ignored."""
WORD = re.compile(
    # spaced letters: h a t e
    rf"\b[^\W\d_]{MARK}*(?:[^\S\n][^\W\d_]{MARK}*(?!\w|{MARK})){{2,}}"
    rf"|[^\W_]{MARK}*(?:[@$*]?[^\W_]{MARK}*)*(?:['’](?:[a-z](?!{MARK}))+)?",
    re.IGNORECASE,
)
OPENING = " \t'\"“‘(["
"""Characters between the end of a sentence and the next word."""
ENDINGS = ("ies", "sses", "ings", "ing", "ers", "est", "ed", "er", "ly", "es", "s")
"""Inflections; the first that matches is removed."""
REPLACEMENTS = {"ies": "y", "sses": "ss"}
"""Inflection → what replaces it, if anything."""
SHORT_STEM = re.compile(r"[^aeiou]*[aeiouy][^aeiouwxy]")
"""A stem that would double its last consonant if the word had no final e: hat(ing) is from hate."""
MIN_LETTERS = 3
"""Length of the shortest form."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its position in the text."""

    start: int
    end: int
    plain: str
    """Lower case, without leetspeak: "h4ting" → "hating"."""

    @property
    def form(self) -> str:
        """The plain word without inflection: "hating" → "hate"."""
        return stem(self.plain)


def split_words(text: str) -> Iterator[Word]:
    """Yield the words of a text, in order."""
    for match in WORD.finditer(text):
        yield Word(match.start(), match.end(), fold_characters(match[0]))


def opens_sentence(text: str, at: int) -> bool:
    """Whether the word at a position of a text is the first of a sentence."""
    while at and text[at - 1] in OPENING:
        at -= 1
    return not at or text[at - 1] in ".!?:\n"


@lru_cache(maxsize=1 << 16)
def fold_characters(word: str) -> str:
    """Return a word in lower case, without leetspeak, repeated letters and possessive.

    Its accents are composed.
    """
    word = unicodedata.normalize("NFC", word)
    word = re.sub(r"\s", "", word.lower().replace("’", "'"))
    if re.search("[a-z]", word) and not re.fullmatch(r"\d+(st|nd|rd|th|s|k|m)?", word):
        word = word.translate(LEET)
    return re.sub(r"(.)\1{2,}", r"\1", word).removesuffix("'s")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return a plain word without inflection.

    The inflections of a word have the same stem, which need not be a word: love, loves, loved,
    loving → "love"; carry, carries → "carri".
    """
    for ending in ENDINGS:
        if not word.endswith(ending) or (ending == "s" and word.endswith("ss")):
            continue
        stem = word.removesuffix(ending) + REPLACEMENTS.get(ending, "")
        if len(stem) < MIN_LETTERS:
            continue
        if ending in ("ing", "ings", "ers", "est", "ed", "er", "es"):
            if len(stem) > MIN_LETTERS and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                return stem[:-1]
            stem += "e" if SHORT_STEM.fullmatch(stem) else ""
        word = stem
        break
    if len(word) > MIN_LETTERS and word.endswith("e") and not SHORT_STEM.fullmatch(word[:-1]):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > MIN_LETTERS and word.endswith("y") else word
