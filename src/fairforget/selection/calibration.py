"""Find a selector's threshold on texts whose harmful spans are known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fairforget.corpora.text import Text
from fairforget.selection.words import Word

STEP = 0.25
"""Thresholds are multiples of it: finer ones would follow the noise."""


def best_threshold(texts: Sequence[Text], scored: Sequence[Sequence[tuple[Word, float]]]) -> float:
    """The threshold at which character-level F1 is highest; the lowest such.

    Args:
        texts: with exact spans.
        scored: [texts] the words that may be chosen, each with its score.
    """
    gold = sum(span.end - span.start for text in texts for span in text.spans)
    sizes: dict[int, list[int]] = {}
    for text, words in zip(texts, scored, strict=True):
        for word, score in words:
            hit = sum(
                max(0, min(word.end, span.end) - max(word.start, span.start)) for span in text.spans
            )
            # chosen at all thresholds below the score
            counts = sizes.setdefault(math.ceil(score / STEP) - 1, [0, 0])
            counts[0] += hit
            counts[1] += word.end - word.start
    best, threshold, hits, chosen = -1.0, 0.0, 0, 0
    for rung in sorted(sizes, reverse=True):
        hits += sizes[rung][0]
        chosen += sizes[rung][1]
        f1 = 2 * hits / max(1, chosen + gold)
        if f1 >= best:
            best, threshold = f1, rung * STEP
    return threshold
