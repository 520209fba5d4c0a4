"""Early stopping: end training when the utility loss is far beyond the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from fairforget.machine.stages import stage
from fairforget.training.budget_search import PerplexityConstraint, measure_perplexities

OVERSHOOT = 3.0
"""Training stops at this multiple of the allowed rise in perplexity: enough for interpolation to
choose from, not so much that the line between the weights crosses a broken model."""
MIN_RISE = 0.02
"""The threshold is computed from at least this allowed rise, for budgets near 1."""
RATIO = "{}_ratio"
"""Name of a constraint in the history: perplexity_ratio, everyday_perplexity_ratio."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the constraints are evaluated, and how soon training stops."""

    every: int
    """Steps between evaluations."""
    patience: int
    """Evaluations in a row beyond the threshold that stop training."""


UNBOUNDED = Pace(every=5, patience=1)
"""For losses without a minimum: ten steps of ascent can break a model."""
WITH_MINIMUM = Pace(every=10, patience=2)
"""For losses that compare with a counterfactual text: they have a minimum. On Gemma 3 270M,
perplexity rises by up to 6 % while the learning rate is high, and falls again."""

EARLY_STOPPING = (OVERSHOOT, MIN_RISE, UNBOUNDED, WITH_MINIMUM)
"""All constants of early stopping."""


class UtilityEarlyStopping(TrainerCallback):
    """Evaluates the constraints every few steps, logs their ratios, and stops above a threshold."""

    def __init__(
        self,
        constraints: Mapping[str, PerplexityConstraint],
        note: Callable[[Mapping[str, float]], None],
        result_model: Callable[[], AbstractContextManager[None]] = nullcontext,
        before: Mapping[str, float] | None = None,
        pace: Pace = UNBOUNDED,
    ) -> None:
        """Evaluate the original model, unless its perplexities are known.

        Args:
            constraints: the budgets, by name, on a few held-out texts.
            note: adds the ratios to the history, by their names there.
            result_model: a context in which the constraints see the model that the run would
                result in now, if that is not the model in training.
            before: the original model's perplexities, by the names of the constraints.
            pace: how often to evaluate, and how soon to stop.
        """
        self.note, self.result_model = note, result_model
        self.constraints, self.pace = constraints, pace
        self.before = dict(before or self.evaluate())  # the weights are still the original ones
        self._last: tuple[int, dict[str, float]] | None = None

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        """Evaluate every `pace.every` steps; above the threshold, stop and save a checkpoint."""
        if state.global_step % self.pace.every == 0:
            with self.result_model():
                now = self.evaluate()
            self._last = state.global_step, now
            ratios = {RATIO.format(name): now[name] / self.before[name] for name in now}
            self.note(ratios)
            if self.has_stopped(state.log_history):
                control.should_training_stop = True
                control.should_save = args.save_strategy != SaveStrategy.NO
        if control.should_training_stop or state.global_step >= state.max_steps:
            control.should_log = True  # the last steps, too
        return control

    def last_at(self, step: int) -> dict[str, float] | None:
        """Return the perplexities of the last evaluation, if it was after this step."""
        return self._last[1] if self._last and self._last[0] == step else None

    def has_stopped(self, history: Sequence[Mapping[str, float]]) -> bool:
        """Whether the run with this history was stopped early, or is to be stopped."""
        names = {RATIO.format(name) for name in self.constraints}
        last = [row for row in history if names <= row.keys()][-self.pace.patience :]
        return len(last) == self.pace.patience and all(map(self._exceeds_threshold, last))

    @stage("training: perplexity")
    def evaluate(self) -> dict[str, float]:
        """Return the perplexities of the model with its current weights."""
        return measure_perplexities(self.constraints)

    def _exceeds_threshold(self, ratios: Mapping[str, float]) -> bool:
        return not all(  # NaN exceeds it too
            ratios[RATIO.format(name)] <= 1 + OVERSHOOT * max(constraint.allowed - 1, MIN_RISE)
            for name, constraint in self.constraints.items()
        )
