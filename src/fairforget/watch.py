"""Look at the damage while training, and stop where it is far beyond the budget."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

OVERSHOOT = 3.0
"""Training stops where the rise in perplexity is so many times the allowed one: enough for the
landing to choose from, not so much that the line back crosses a broken model."""
RATIO = "perplexity_ratio"
"""The name of the ratio in the history."""
LEAST = 0.02
"""The rise that is always tolerated, for budgets near 1."""


class Watch(TrainerCallback):
    """Measures perplexity every few steps and writes its ratio into the history."""

    def __init__(
        self,
        perplexity: Callable[[], float],
        allowed: float,
        shown: Callable[[], AbstractContextManager[None]] = nullcontext,
        every: int = 20,
    ) -> None:
        """Watch.

        Args:
            perplexity: of the model as it is when called, on a few held-out texts; asked at
                once for the original.
            allowed: the ratio that the budget allows.
            shown: within it, the model that `perplexity` sees has the weights trained so far.
            every: steps between looks.
        """
        self.perplexity, self.shown, self.every = perplexity, shown, every
        self.limit = 1 + OVERSHOOT * max(allowed - 1, LEAST)
        self.before = perplexity()  # now, while the weights are the original ones

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        """Look, note, and stop if need be."""
        if state.global_step % self.every == 0:
            with self.shown():
                ratio = self.perplexity() / self.before
            state.log_history.append({"step": state.global_step, RATIO: ratio})
            if not ratio <= self.limit:
                control.should_training_stop = True
                control.should_save = True
        return control

    def stopped(self, history: list[dict[str, float]]) -> bool:
        """Whether training was stopped in the run that left this history."""
        ratios = [row[RATIO] for row in history if RATIO in row]
        return bool(ratios) and not ratios[-1] <= self.limit
