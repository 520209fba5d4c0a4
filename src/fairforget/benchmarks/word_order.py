"""Does a model know the language of CrowS-Pairs? A control with shuffled words.

A model that knows a language finds its sentences likelier than the same words in another order. One
that does not can still prefer one sentence of a pair, because one word is more frequent: this says
nothing about stereotypes. So the pairs are scored again with shuffled words.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairforget.benchmarks.measurement import ALL, score_interval
from fairforget.benchmarks.measures import Measure
from fairforget.benchmarks.sentences import Scores, sentence_scores
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress
from fairforget.statistics.estimate import over_items
from fairforget.statistics.jackknife import Floats, leave_one_out

SHARE = Measure("Share of sentences or pairs", "%")
FEWEST_IN_ORDER = 95.0
"""Share of sentences, in %, that a model must find likelier in order; below it, there is a warning.
A model that knows nothing has about 50."""


def measure_word_order(
    language_model: LanguageModel,
    sentences: Sequence[str],
    ordered: Scores,
    *,
    protocol: str,
    names: Sequence[str],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score the pairs with shuffled words, and compare them with those in order.

    Args:
        language_model: a causal model.
        sentences: of pairs in one language: `sent_more` and `sent_less` in turn.
        ordered: their scores.
        protocol: as for `sentence_scores`.
        names: as for `sentence_scores`.
        progress: called as for `sentence_scores`.

    Returns:
        `in_order`, the share of sentences that are likelier than with their words shuffled, in %;
        `stereotype_shuffled`, the score of the shuffled pairs; each with its 95 % interval; and
        `bits_per_character` of the sentences.
    """
    shuffled = [shuffle_words(text, n // 2) for n, text in enumerate(sentences)]
    others = sentence_scores(
        language_model, shuffled, protocol=protocol, names=names, progress=progress
    )
    in_order = (ordered.total > others.total).reshape(-1, 2).mean(axis=1)
    prefers_more = np.greater(*others.mean.reshape(-1, 2).T)
    bits = -ordered.total.sum() / math.log(2) / sum(map(len, sentences))
    return {
        **_share("in_order", in_order),
        **_share("stereotype_shuffled", prefers_more.astype(np.float64)),
        "bits_per_character": float(bits),
    }


def shuffle_words(text: str, seed: int) -> str:
    """Shuffle the words of a text; both sentences of a pair are shuffled alike.

    Args:
        text: words separated by spaces.
        seed: of the order, which also depends on the number of words.
    """
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


def _share(name: str, values: Floats) -> dict[str, Any]:
    """Return a mean over pairs in %, and its interval."""
    sums = np.column_stack([100 * values, np.ones(len(values))])
    with np.errstate(invalid="ignore"):  # without the only pair
        without = np.divide(*leave_one_out(sums).T)
    estimate = over_items(float(100 * values.mean()), {0: without}, domain=ALL)
    return {name: estimate.value, f"{name}_ci": score_interval(estimate, SHARE)}
