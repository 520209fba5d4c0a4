"""Contrast: words that hateful texts use more than others do, and that others hardly use at all.

The weighted log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
"Fightin' Words", equations 15, 16 and 22) compares the words of hateful and of other texts. Alone
it knows only words that the training corpus happens to have often. In a text that is known to be
hateful, a word is the more suspicious the rarer it is in all other language; so the score of a
word adds its surprisal there. Words that name groups have no score at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fairforget.corpora.text import Text
from fairforget.selection.calibration import best_threshold
from fairforget.selection.counts import SMOOTHING, WordCounts
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.selection.suspects import find_suspects
from fairforget.selection.words import Word

PRIOR = 2_000.0
"""Words that the informative prior is worth, in proportion to all counts (α₀ in the paper)."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How much more often hateful texts use a word than others."""

    log_ratio: float
    """δ, the difference of log-odds, in nats."""
    z: float
    """δ in standard deviations."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """The selector."""

    counts: WordCounts
    weight: float = 0.5
    """Of the log-odds ratio against the surprisal. 0.5 is best on the built-in templates."""
    threshold: float = 8.5
    """Score from which on a word is chosen, in nats; `calibrated` finds one."""

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """The words of each text that score above the threshold, neighbours joined."""
        return [self._choices(text.text) for text in texts]

    def calibrated(self, texts: Sequence[Text]) -> Contrast:
        """With the threshold at which character-level F1 on texts with exact spans is highest."""
        scored = [self._scores(text.text) for text in texts]
        return replace(self, threshold=best_threshold(texts, scored))

    def odds(self, word: str) -> Odds:
        """The odds of a word form."""
        counts = self.counts
        pooled = counts.hateful[word] + counts.other[word] + counts.background[word]
        prior = PRIOR * (pooled + SMOOTHING / 2) / sum(counts.totals)
        hateful, other, _ = counts.totals
        logs, variance = [], 0.0
        for found, total in ((counts.hateful[word], hateful), (counts.other[word], other)):
            logs.append(math.log((found + prior) / (total + PRIOR - found - prior)))
            variance += 1 / (found + prior)
        return Odds(logs[0] - logs[1], (logs[0] - logs[1]) / math.sqrt(variance))

    def score(self, word: str) -> float:
        """Of a word form: surprisal plus weighted log-odds ratio, in nats."""
        return self.counts.surprisal(word) + self.weight * self.odds(word).log_ratio

    def _choices(self, text: str) -> list[SelectedSpan]:
        chosen = [
            SelectedSpan(word.start, word.end, self._why(word))
            for word, score in self._scores(text)
            if score > self.threshold
        ]
        return merge_adjacent(text, chosen)

    def _why(self, word: Word) -> str:
        z, score = self.odds(word.form).z, self.score(word.form)
        return f"{word.plain}: log-odds z {z:+.1f}, score {score:.1f}"

    def _scores(self, text: str) -> list[tuple[Word, float]]:
        """Every word that may be chosen."""
        return [(word, self.score(word.form)) for word in find_suspects(text, self.counts)]
