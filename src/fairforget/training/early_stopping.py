"""Look at the damage while training, and stop where it is far beyond the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from fairforget.training.interpolation import PerplexityConstraint

OVERSHOOT = 3.0
"""Training stops where the rise in perplexity is so many times the allowed one: enough for the
landing to choose from, not so much that the line back crosses a broken model."""
LEAST = 0.02
"""The rise that is always tolerated, for budgets near 1."""
RATIO = "{}_ratio"
"""What a damage is called in the history: perplexity_ratio, everyday_ratio."""


class UtilityEarlyStopping(TrainerCallback):
    """Measures damages every few steps and notes their ratios."""

    def __init__(
        self,
        damages: Mapping[str, PerplexityConstraint],
        note: Callable[[Mapping[str, float]], None],
        shown: Callable[[], AbstractContextManager[None]] = nullcontext,
        every: int = 5,
    ) -> None:
        """Watch.

        Args:
            damages: by name, on a few held-out texts; measured at once for the original.
            note: takes the ratios, by their names in the history.
            shown: within it, the model that they see is what the training so far would lead to.
            every: steps between looks. Ascent has no floor: ten steps can break a model.
        """
        self.note, self.shown, self.every = note, shown, every
        self.damages = {RATIO.format(name): damage for name, damage in damages.items()}
        self.before = self._measured()  # now, while the weights are the original ones

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
                now = self._measured()
            ratios = {name: value / self.before[name] for name, value in now.items()}
            self.note(ratios)
            if self._is_far_beyond(ratios):
                control.should_training_stop = True
                control.should_save = args.save_strategy != SaveStrategy.NO
        return control

    def stopped(self, history: list[dict[str, float]]) -> bool:
        """Whether training was stopped in the run that left this history."""
        looks = [row for row in history if self.damages.keys() <= row.keys()]
        return bool(looks) and self._is_far_beyond(looks[-1])

    def _measured(self) -> dict[str, float]:
        return {name: damage.perplexity() for name, damage in self.damages.items()}

    def _is_far_beyond(self, ratios: Mapping[str, float]) -> bool:
        return not all(
            ratios[name] <= 1 + OVERSHOOT * max(damage.allowed - 1, LEAST)
            for name, damage in self.damages.items()
        )
