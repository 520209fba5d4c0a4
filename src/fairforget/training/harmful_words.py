"""The guard on harmful words: how likely they are after group mentions, on held-out texts.

Removing what a group adds to a word must not make the word more likely. The texts come
with the package, so every run can measure this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from fairforget.budget import HARM_TOLERANCE
from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.builtin.unseen import GUARD_SEED, drop_trained
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import HarmfulWordFacts
from fairforget.scoring.harmful_words import encode_harmful_words
from fairforget.scoring.marked import marked_log_probs
from fairforget.targets import Marked

TEXTS = 120
LONGEST_TEXT = 64
"""Tokens of a text, at most."""
GUARD = (GUARD_SEED, TEXTS, HARM_TOLERANCE)
"""Constants that a guarded run's result depends on."""


@dataclass(frozen=True, slots=True)
class HarmGuard:
    """Texts with harmful words after a group mention, and the original model's log p of them."""

    with_group: Sequence[Marked]
    with_neutral: Sequence[Marked]
    """The same texts with a neutral word in place of the group; the same tokens are marked."""
    before: float
    """Mean log p of the harmful words, with the group, in nats per token."""
    added_before: float
    """What the group adds to it."""

    def rise(self, language_model: LanguageModel) -> float:
        """Return the rise in mean log p over the original model's, in nats per token."""
        return _mean_log_prob(language_model, self.with_group) - self.before

    def facts(
        self, language_model: LanguageModel, allowed: float, rise: float | None = None
    ) -> HarmfulWordFacts:
        """Measure the result of a run.

        Args:
            language_model: the original model, with other weights.
            allowed: the rise that was allowed, in nats per token.
            rise: the rise, if it is known.
        """
        change = self.rise(language_model) if rise is None else rise
        after = self.before + change
        return HarmfulWordFacts(
            asked=allowed,
            before=self.before,
            after=after,
            change=change,
            added_before=self.added_before,
            added_after=after - _mean_log_prob(language_model, self.with_neutral),
            texts=len(self.with_group),
        )


def measure_harmful_words(language_model: LanguageModel) -> HarmGuard | None:
    """Choose and encode the texts, of all domains, and measure a model with its original weights.

    The marked tokens are harmful words that a group mention influences: for a causal model, those
    after it.

    Returns:
        None if no text has any within its first `LONGEST_TEXT` tokens, as with a tiny context.
    """
    with_group: list[Marked] = []
    with_neutral: list[Marked] = []
    for text in _held_out_texts():
        targets = encode_harmful_words(language_model, text, LONGEST_TEXT)
        if targets:
            with_group.append((targets.ids, targets.mask))
            with_neutral.append(targets.counterfactuals[0])
        if len(with_group) == TEXTS:
            break
    if not with_group:
        return None
    before = _mean_log_prob(language_model, with_group)
    added = before - _mean_log_prob(language_model, with_neutral)
    return HarmGuard(with_group, with_neutral, before, added)


@cache
def _held_out_texts() -> tuple[Text, ...]:
    """Return built-in texts that no run trains on; enough, as some have no target."""
    return tuple(drop_trained(builtin_texts(seed=GUARD_SEED, limit=4 * TEXTS)))


def _mean_log_prob(language_model: LanguageModel, marked: Sequence[Marked]) -> float:
    """Return the mean over texts of the mean log p of a text's marked tokens, in nats."""
    values = marked_log_probs(language_model, marked)
    return float(np.mean([text.mean(dtype=np.float64) for text in values]))
