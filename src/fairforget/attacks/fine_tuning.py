"""How an attack trains: at a constant learning rate, with evaluations after some of the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.methods.method import MethodOptions
from fairforget.methods.training import training_settings
from fairforget.models.language_model import LanguageModel
from fairforget.training.from_settings import training_config
from fairforget.training.trainer import own_forward

CONSTANT: dict[str, Any] = {"lr_scheduler_type": "constant", "warmup_steps": 0}
"""Training arguments for a constant learning rate: the model after n steps does not depend on how
many follow."""


class EvaluationCallback(TrainerCallback):
    """Evaluates the model in training after certain steps."""

    def __init__(self, evaluations: Mapping[int, Callable[[], None]]) -> None:
        """Remember the evaluations.

        Args:
            evaluations: number of optimizer steps → what to call after them.
        """
        self.evaluations = evaluations

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Evaluate after the step if an evaluation is due, without dropout."""
        if evaluate := self.evaluations.get(state.global_step):
            with evaluation_mode(others["model"]), own_forward(others["model"]):
                evaluate()


def check_options(options: MethodOptions, language_model: LanguageModel) -> None:
    """Check the training options before anything is evaluated.

    Raises:
        InputError: one is out of range.
    """
    training_config(training_settings(options), None, device=language_model.device, **CONSTANT)
