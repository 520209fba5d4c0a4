"""Built-in texts that no run trains on: runs train on those with seed 0."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.corpora.builtin.generate import builtin_texts
from fairforget.corpora.builtin.lexicon import CONTROL
from fairforget.corpora.text import Text

GUARD_SEED = 20_260
"""Seed of the texts of the guard on harmful words."""
RELEARNING_SEED = 20_270
"""Seed of the texts that an attack relearns."""
BENCHMARK_SEED = -1
"""Seed of the texts of the benchmark `harmful_words`."""


def drop_trained(texts: Iterable[Text]) -> list[Text]:
    """Return the texts that do not also occur among those with seed 0."""
    trained = {text.text for text in (*builtin_texts(), *builtin_texts(CONTROL))}
    return [text for text in texts if text.text not in trained]
