"""Texts that `retain_groups` adds to the retain corpus, so that little changes but traits.

Without them, the model also learns to ignore the subject when it predicts facts, such as the tools
of a craft, and its predictions about people in general change.
"""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.corpora.builtin.lexicon import read_data
from fairforget.training.targets import Targets


def list_facts() -> list[str]:
    """Return sentences whose subject determines how they end, such as "Bees make honey."."""
    return [fact for facts in read_data("facts.toml").values() for fact in facts]


def counterfactual_sequences(targets: Sequence[Targets]) -> list[list[int]]:
    """Return the token ids of the counterfactual texts, each once, in order."""
    sequences = (tuple(ids) for target in targets for ids, _ in target.counterfactuals)
    return [list(ids) for ids in dict.fromkeys(sequences)]
