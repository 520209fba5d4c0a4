"""Word counts of hateful texts, other texts and general English."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.selection.ranges import overlapping
from fairforget.selection.words import split_words

SMOOTHING = 1.0
"""Occurrences added to every word."""


@dataclass(slots=True)
class WordCounts:
    """Counts of word forms."""

    hateful: Counter[str] = field(default_factory=Counter)
    """In texts labelled hateful."""
    other: Counter[str] = field(default_factory=Counter)
    """In texts labelled not hateful."""
    background: Counter[str] = field(default_factory=Counter)
    """In general English."""
    seen: set[str] = field(default_factory=set)
    """Plain words of other texts and the background."""
    totals: tuple[int, int, int] = (0, 0, 0)
    """Number of words of hateful, other and background texts."""

    def surprisal(self, word: str) -> float:
        """Return −log p of a word form in language that is not hateful, in nats."""
        count = self.other[word] + self.background[word] + SMOOTHING
        return math.log(sum(self.totals[1:]) / count)


def count_words(training: Iterable[Text], background: Iterable[Text] = ()) -> WordCounts:
    """Count the words of labelled texts and of general English.

    In a hateful text with spans, the words outside the spans count as other words. A text without
    a label counts as hateful.

    Raises:
        InputError: the training texts have no hateful words, or no others.
    """
    counts = WordCounts()
    for text in background:
        for word in split_words(text.text):
            counts.background[word.form] += 1
            counts.seen.add(word.plain)
    for text in training:
        spans = [(span.start, span.end) for span in text.spans]
        for word in split_words(text.text):
            harmful = text.hateful is not False and (
                not spans or bool(overlapping(spans, word.start, word.end))
            )
            (counts.hateful if harmful else counts.other)[word.form] += 1
            if not harmful:
                counts.seen.add(word.plain)
    if not counts.hateful:
        raise InputError("training corpus: no text is hateful; choose another with --train")
    if not counts.other:
        raise InputError(
            "training corpus: all texts are hateful or unlabelled; add a corpus with other texts "
            "to --train, or label texts as not hateful in the column `hateful`"
        )
    counts.totals = counts.hateful.total(), counts.other.total(), counts.background.total()
    return counts
