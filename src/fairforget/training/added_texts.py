"""Texts that `retain_groups` adds to the retain texts, so that little changes besides traits.

Without the facts, the model also learns to ignore the subject of a sentence when it predicts a
fact, such as which tool a painter uses. Without the counterfactual texts, its predictions about
people in general change.
"""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.corpora.builtin.lexicon import read_data
from fairforget.targets import Targets


def list_facts() -> list[str]:
    """Return the built-in facts, such as "Bees make honey.": the subject determines the ending."""
    return [fact for facts in read_data("facts.toml").values() for fact in facts]


def counterfactual_sequences(targets: Sequence[Targets]) -> list[list[int]]:
    """Return the token ids of the counterfactual texts, in order and without duplicates."""
    sequences = (tuple(ids) for target in targets for ids, _ in target.counterfactuals)
    return [list(ids) for ids in dict.fromkeys(sequences)]
