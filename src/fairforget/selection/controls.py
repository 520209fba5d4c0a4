"""The spans of the corpus, and two controls: all words, and random words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.corpora.text import Text
from fairforget.selection.identity import identity_ranges, is_protected
from fairforget.selection.ranges import overlapping
from fairforget.selection.selected import SelectedSpan, Selector, merge_adjacent
from fairforget.selection.words import Word, split_words
from fairforget.settings import SelectSettings

UNMARKED_SHARE = 0.25
"""Share of the words that is drawn from a text without spans."""


def given_spans(texts: Sequence[Text]) -> list[list[SelectedSpan]]:
    """Return the spans of the corpus."""
    return [
        [SelectedSpan(s.start, s.end, "given by the corpus") for s in text.spans] for text in texts
    ]


def all_words(texts: Sequence[Text]) -> list[list[SelectedSpan]]:
    """Return every word of every text."""
    return [
        merge_adjacent(
            text.text,
            [SelectedSpan(w.start, w.end, "control: all") for w in split_words(text.text)],
        )
        for text in texts
    ]


@dataclass(frozen=True, slots=True)
class Random:
    """As many random words as the spans of the corpus have, drawn from those that name no group."""

    seed: int = 0

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Return random words of each text; a quarter of the words of a text without spans."""
        return [self._draw(text) for text in texts]

    def _draw(self, text: Text) -> list[SelectedSpan]:
        words = unprotected_words(text.text)
        spans = [(span.start, span.end) for span in text.spans]
        count = sum(bool(overlapping(spans, word.start, word.end)) for word in words)
        if not text.spans:
            count = round(UNMARKED_SHARE * len(words))
        drawn = random.Random(f"{text.id} {self.seed}").sample(words, count)
        return merge_adjacent(
            text.text, [SelectedSpan(w.start, w.end, "control: random") for w in drawn]
        )


def unprotected_words(text: str) -> list[Word]:
    """Return the words that are neither group terms nor neutral words for people."""
    groups = identity_ranges(text)
    return [
        word
        for word in split_words(text)
        if not is_protected(word.plain) and not overlapping(groups, word.start, word.end)
    ]


def build_given(settings: SelectSettings) -> Selector:
    """Return the selector of the corpus's own spans."""
    return given_spans


def build_random(settings: SelectSettings) -> Selector:
    """Return the random control with the seed of the settings."""
    return Random(settings.seed)


def build_all(settings: SelectSettings) -> Selector:
    """Return the control that selects every word."""
    return all_words
