"""The given spans, and two controls: everything, and as much at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.corpora.text import Text
from fairforget.selection.identity import identity_ranges, is_protected
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.selection.words import Word, split_words

UNMARKED_SHARE = 0.25
"""Share of its words that is drawn from a text without spans."""


def given_spans(texts: Sequence[Text]) -> list[list[SelectedSpan]]:
    """The spans that the corpus has."""
    return [
        [SelectedSpan(s.start, s.end, "given by the corpus") for s in text.spans] for text in texts
    ]


def all_words(texts: Sequence[Text]) -> list[list[SelectedSpan]]:
    """Every word of every text."""
    return [
        merge_adjacent(
            text.text,
            [SelectedSpan(w.start, w.end, "control: all") for w in split_words(text.text)],
        )
        for text in texts
    ]


@dataclass(frozen=True, slots=True)
class Random:
    """As many words as the given spans have, drawn from all words that name no group."""

    seed: int = 0

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Each text draws for itself; without spans, a quarter of its words."""
        return [self._drawn(text) for text in texts]

    def _drawn(self, text: Text) -> list[SelectedSpan]:
        words = unprotected_words(text.text)
        count = sum(any(w.start < s.end and s.start < w.end for s in text.spans) for w in words)
        if not text.spans:
            count = round(UNMARKED_SHARE * len(words))
        drawn = random.Random(f"{text.id} {self.seed}").sample(words, count)
        return merge_adjacent(
            text.text, [SelectedSpan(w.start, w.end, "control: random") for w in drawn]
        )


def unprotected_words(text: str) -> list[Word]:
    """The words that neither name a group nor stand for anyone."""
    named = identity_ranges(text)
    return [
        word
        for word in split_words(text)
        if not is_protected(word.plain)
        and not any(word.start < end and start < word.end for start, end in named)
    ]
