"""The words of a text that may be harmful: none that names a group, in whatever spelling."""

from __future__ import annotations

import math

from fairforget.selection.counts import WordCounts
from fairforget.selection.identity import identity_ranges, is_misspelt_identity, is_protected
from fairforget.selection.words import Word, fold_characters, split_words, stem

LONGEST = 40
"""Letters of two words that ran together."""


def find_suspects(text: str, counts: WordCounts) -> list[Word]:
    """Every word that may be chosen, words that ran together taken apart.

    Args:
        text: any text.
        counts: tell words that exist from misspelt ones.
    """
    named = identity_ranges(text)
    return [
        word
        for whole in split_words(text)
        for word in _apart(text, whole, counts)
        if not any(word.start < end and start < word.end for start, end in named)
        and not is_protected(word.plain)
        and (_known(word.plain, counts) or not is_misspelt_identity(word.plain))
    ]


def _known(word: str, counts: WordCounts) -> bool:
    """Whether the word exists: then it stands for itself."""
    return word in counts.seen or is_protected(word) or stem(word) in counts.hateful


def _apart(text: str, word: Word, counts: WordCounts) -> list[Word]:
    """The word, or the two known ones that it consists of: "Ihate", "stabthose"."""
    length = word.end - word.start
    if _known(word.plain, counts) or len(word.plain) != length or length > LONGEST:
        return [word]
    best, likeliest = [word], -math.inf
    for at in range(word.start + 1, word.end):
        halves = [
            Word(start, end, fold_characters(text[start:end]))
            for start, end in ((word.start, at), (at, word.end))
        ]
        if not all(len(half.plain) > 1 or half.plain in "ia" for half in halves):
            continue
        if not all(_known(half.plain, counts) for half in halves):
            continue
        likelihood = -sum(counts.surprisal(half.form) for half in halves)
        if likelihood > likeliest:
            best, likeliest = halves, likelihood
    return best
