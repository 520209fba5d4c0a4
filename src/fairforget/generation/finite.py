"""Stop where a model's predictions are not numbers."""

from __future__ import annotations

from torch import Tensor
from transformers import LogitsProcessor

from fairforget.errors import InputError


class RefuseNaN(LogitsProcessor):
    """Raises an error where the model predicts NaN.

    The next token would otherwise be the first of the vocabulary. If that is a special token,
    everything that the model writes is empty, which benchmarks of harm score as harmless.
    """

    def __init__(self, source: str) -> None:
        """Store what to say.

        Args:
            source: of the model, for the error.
        """
        self.source = source

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores [rows, vocabulary] of the next token unchanged.

        Raises:
            InputError: one is NaN.
        """
        if scores.isnan().any():
            raise InputError(
                f"model {self.source!r} predicts values that are not numbers: its weights are "
                "damaged, training diverged, or its dtype overflows; try --dtype float32"
            )
        return scores
