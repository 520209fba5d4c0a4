"""The candidate words of a text: all but names of groups, in any spelling, and debris."""

from __future__ import annotations

import math

from fairforget.selection.counts import WordCounts
from fairforget.selection.debris import debris_ranges
from fairforget.selection.identity import identity_ranges, is_misspelt_identity, is_protected
from fairforget.selection.ranges import overlapping
from fairforget.selection.words import Word, fold_characters, split_words, stem

MAX_LETTERS = 40
"""Longest string that is split into two words."""


def candidate_words(text: str, counts: WordCounts) -> list[Word]:
    """Return the words of a text that a selector may select; run-together words are split.

    A word that touches debris of a broken encoding is part of another: "donâ€™t" has no word "t".

    Args:
        text: any text.
        counts: distinguish existing from misspelt words.
    """
    groups, debris = identity_ranges(text), debris_ranges(text)
    return [
        word
        for token in split_words(text)
        for word in _split_compound(text, token, counts)
        if not overlapping(groups, word.start, word.end)
        and not overlapping(debris, word.start - 1, word.end + 1)  # nor touches any
        and not is_protected(word.plain)
        and (_is_known(word.plain, counts) or not is_misspelt_identity(word.plain))
    ]


def _is_known(word: str, counts: WordCounts) -> bool:
    """Return whether the word exists, so that it is not a misspelling of another."""
    return word in counts.seen or is_protected(word) or stem(word) in counts.hateful


def _split_compound(text: str, word: Word, counts: WordCounts) -> list[Word]:
    """Return the word, or the two known words that it consists of ("Ihate", "stabthose")."""
    length = word.end - word.start
    if _is_known(word.plain, counts) or len(word.plain) != length or length > MAX_LETTERS:
        return [word]
    best, best_likelihood = [word], -math.inf
    for at in range(word.start + 1, word.end):
        halves = [
            Word(start, end, fold_characters(text[start:end]))
            for start, end in ((word.start, at), (at, word.end))
        ]
        if not all(len(half.plain) > 1 or half.plain in "ia" for half in halves):
            continue
        if not all(_is_known(half.plain, counts) for half in halves):
            continue
        likelihood = -sum(counts.surprisal(half.form) for half in halves)
        if likelihood > best_likelihood:
            best, best_likelihood = halves, likelihood
    return best
