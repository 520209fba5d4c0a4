"""How often words occur in hateful and in other texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.selection.words import split_words

SMOOTHING = 1.0
"""Occurrences that an unseen word is taken to have."""


@dataclass(slots=True)
class WordCounts:
    """Occurrences of word forms."""

    hateful: Counter[str] = field(default_factory=Counter)
    """In texts that the corpus labels hateful."""
    other: Counter[str] = field(default_factory=Counter)
    """In texts that it labels as not."""
    background: Counter[str] = field(default_factory=Counter)
    """In general English."""
    seen: set[str] = field(default_factory=set)
    """Plain words that occur in other texts or the background."""
    totals: tuple[int, int, int] = (0, 0, 0)
    """Words of hateful, other and background texts."""

    def surprisal(self, word: str) -> float:
        """−log p of a word form in language that is not hateful, in nats."""
        found = self.other[word] + self.background[word] + SMOOTHING
        return math.log(sum(self.totals[1:]) / found)


def count_words(training: Iterable[Text], background: Iterable[Text] = ()) -> WordCounts:
    """Count the words of labelled texts and of general English.

    A hateful text with spans is known in more detail: words outside of them count as other words.

    Raises:
        InputError: no text is labelled hateful, or none is other.
    """
    counts = WordCounts()
    for text in background:
        for word in split_words(text.text):
            counts.background[word.form] += 1
            counts.seen.add(word.plain)
    for text in training:
        for word in split_words(text.text):
            harmful = text.hateful is not False and (
                not text.spans
                or any(word.start < span.end and span.start < word.end for span in text.spans)
            )
            (counts.hateful if harmful else counts.other)[word.form] += 1
            if not harmful:
                counts.seen.add(word.plain)
    if not counts.hateful:
        raise InputError("training corpus: none of its texts is hateful")
    if not counts.other and not counts.background:
        raise InputError("training corpus: all of its texts are hateful; others are needed as well")
    counts.totals = counts.hateful.total(), counts.other.total(), counts.background.total()
    return counts
