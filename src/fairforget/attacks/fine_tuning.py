"""Fine-tune a model, and evaluate it after certain numbers of steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.methods.method import MethodOptions
from fairforget.methods.training import train_on, training_settings
from fairforget.models.language_model import LanguageModel
from fairforget.training.run import training_config
from fairforget.training.trainer import own_forward

CONSTANT: dict[str, Any] = {"lr_scheduler_type": "constant", "warmup_steps": 0}
"""Training arguments for a constant learning rate."""


class EvaluationCallback(TrainerCallback):
    """Evaluates the model in training after certain steps."""

    def __init__(self, steps: Collection[int], evaluate: Callable[[int], None]) -> None:
        """Remember the steps.

        Args:
            steps: numbers of optimizer steps.
            evaluate: called with the number of steps done.
        """
        self.steps, self.evaluate = steps, evaluate

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Evaluate after the step if it is one of `steps`, without dropout."""
        if state.global_step in self.steps:
            with evaluation_mode(others["model"]), own_forward(others["model"]):
                self.evaluate(state.global_step)


def check_options(options: MethodOptions, language_model: LanguageModel) -> None:
    """Check the training options before anything is evaluated.

    Raises:
        InputError: one is out of range.
    """
    training_config(training_settings(options), None, device=language_model.device, **CONSTANT)


def fine_tune(
    language_model: LanguageModel,
    texts: Sequence[str],
    options: MethodOptions,
    label: str,
    steps: Sequence[int],
    evaluate: Callable[[int], None],
) -> None:
    """Train in place on texts, and evaluate during training.

    The learning rate is constant, so the model after n steps does not depend on how many follow.

    Args:
        language_model: causal or masked.
        texts: the training texts.
        options: as for `train_on`; its number of steps is the last one here.
        label: label of the progress bar.
        steps: numbers of steps after which to evaluate, in ascending order.
        evaluate: called with the number of steps done.

    Raises:
        InputError: the model is in float16 or quantised, or a loss is not finite.
    """
    train_on(
        language_model,
        texts,
        options,
        label,
        [EvaluationCallback(steps, evaluate)],
        **CONSTANT,
    )
