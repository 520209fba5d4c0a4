"""Look at the damage while training, and stop where it is far beyond the budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

OVERSHOOT = 3.0
"""Training stops where the rise in perplexity is so many times the allowed one: enough for the
landing to choose from, not so much that the line back crosses a broken model."""
LEAST = 0.02
"""The rise that is always tolerated, for budgets near 1."""


class Watch(TrainerCallback):
    """Measures perplexity every few steps and writes its ratio into the history."""

    def __init__(self, perplexity: Callable[[], float], allowed: float, every: int = 20) -> None:
        """Watch.

        Args:
            perplexity: of the model as it is now, on a few held-out texts.
            allowed: the ratio that the budget allows.
            every: steps between looks.
        """
        self.perplexity, self.every = perplexity, every
        self.limit = 1 + OVERSHOOT * max(allowed - 1, LEAST)
        self.before = math.nan

    def on_train_begin(self, *_: Any, model: Any = None, **__: Any) -> None:
        """Measure the original; a continued run measures the weights that it starts from."""
        self.before = self.perplexity()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        """Look, note, and stop if need be."""
        if state.global_step % self.every == 0:
            ratio = self.perplexity() / self.before
            state.log_history.append({"step": state.global_step, "perplexity_ratio": ratio})
            if not ratio <= self.limit:
                control.should_training_stop = True
        return control
