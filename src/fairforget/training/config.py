"""`UnlearningConfig`: transformers' TrainingArguments plus the unlearning settings."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from fairforget.objectives import OBJECTIVES, RETAIN_LOSSES, Objective
from fairforget.settings import (
    DebiasSettings,
    ObjectiveSettings,
    RetainSettings,
    TrainingSettings,
)
from fairforget.training.config_checks import check_environment, check_settings

WARM_UP = 5
"""Steps."""


@dataclass
class UnlearningConfig(ObjectiveSettings, RetainSettings, TrainingArguments):
    """TrainingArguments plus the unlearning settings, with defaults that do not collapse a model.

    The unlearning settings are documented in `ObjectiveSettings` and `RetainSettings`.

    Raises:
        InputError: an unknown objective or retain loss, a number out of range, or settings that
            contradict each other.
    """

    objective: str | Objective = ObjectiveSettings.objective  # type: ignore[assignment]
    """A name, or an unregistered objective; after initialisation, its name."""
    retain_groups: bool = DebiasSettings.retain_groups
    """Whether to also retain facts and neutral versions of forget texts; see `DebiasSettings`."""
    lora_alpha: int = 32
    """Scale of the adapter, divided by its rank."""
    per_device_train_batch_size: int = TrainingSettings.batch_size
    """Forget texts per step and device."""
    max_steps: int = TrainingSettings.steps
    """Optimizer steps."""
    learning_rate: float | None = None  # type: ignore[assignment]  # a float in a trainer
    """Peak learning rate of AdamW. Default: proportional to the root mean square of the model's
    weights, or 2e-4 for an adapter (`fairforget.training.learning_rate`)."""
    lr_scheduler_type: str = "linear"
    """Linear decay to 0."""
    warmup_steps: float | None = None  # type: ignore[assignment]  # a float in the end
    """Warm-up steps, or their share. Default: 5, at most a quarter of the steps."""
    logging_steps: float = 5
    """Steps between logged rows."""
    save_steps: float = 20
    """Steps between checkpoints."""
    save_total_limit: int | None = 2
    """Number of checkpoints kept."""
    report_to: str | list[str] | None = "none"
    """Experiment trackers, as in TrainingArguments."""
    remove_unused_columns: bool = False
    """Fixed: the examples are not columns."""
    dataloader_pin_memory: bool = False
    """Batches are small."""
    logging_nan_inf_filter: bool = False
    """Off: a non-finite loss must be visible."""
    gpu: int = 0
    """Index of the GPU, for a single process on a machine with several."""

    def __post_init__(self) -> None:
        self._custom = self.objective if isinstance(self.objective, Objective) else None
        if self._custom:
            self.objective = self._custom.name
        check_settings(self, self._custom)
        if self.selection is None:
            left = self.context == "left"
            self.selection = self.load_objective().default_selection if left else "spans"
        if self.report_to is None:
            self.report_to = "none"
        if self.warmup_steps is None:
            self.warmup_steps = min(WARM_UP, self.max_steps // 4)
        super().__post_init__()  # type: ignore[no-untyped-call]
        check_environment(self)
        self._n_gpu = min(1, self.n_gpu)  # several GPUs take several processes, not DataParallel

    @cached_property
    def _setup_devices(self) -> torch.device:
        """Trainer's device, but the GPU number `gpu` instead of the first, and no CPU number."""
        device: torch.device = super()._setup_devices
        if device.type == "cpu":
            return torch.device("cpu")  # "cpu:0" cannot be a checkpoint's map_location
        if device.type != "cuda" or self.world_size > 1:
            return device
        device = torch.device("cuda", self.gpu)
        torch.cuda.set_device(device)  # what Trainer calls "cuda" is the current one
        return device

    def with_learning_rate(self, rate: float) -> UnlearningConfig:
        """Return a copy that differs in the peak learning rate only."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__, learning_rate=rate)
        return copied

    @property
    def checkpoints(self) -> Path:
        """The directory of the run's checkpoints: `output_dir`."""
        return Path(str(self.output_dir))

    @property
    def adds_retain_texts(self) -> bool:
        """Whether `retain_groups` applies. `nll` would train the model on the added texts."""
        return self.retain_groups and self.retain_loss == "kl"

    def load_objective(self) -> Objective:
        """Return the objective with this configuration's constants.

        Raises:
            InputError: a constant that the objective does not have, or one out of range.
        """
        if self._custom is None:
            return OBJECTIVES[str(self.objective)].with_constants(self.beta, self.gamma)
        own = self._custom  # whose constants may differ from the defaults of its loss
        accepted = inspect.signature(own.loss).parameters
        beta, gamma = (
            given if given is not None or name not in accepted else getattr(own, name)
            for name, given in (("beta", self.beta), ("gamma", self.gamma))
        )
        return own.with_constants(beta, gamma)

    @property
    def needs_ref_model(self) -> bool:
        """Whether the objective or the retain loss needs the reference model."""
        losses = (self.load_objective(), RETAIN_LOSSES.get(self.retain_loss))
        return any(loss.needs_ref_model for loss in losses if loss)

    def __getstate__(self) -> dict[str, Any]:
        """Leave a user's objective out: Trainer pickles its arguments, functions cannot be."""
        return {**self.__dict__, "_custom": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> UnlearningConfig:
        """Copy everything but a user's objective, which is shared."""
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        for name, value in self.__dict__.items():
            copied.__dict__[name] = value if name == "_custom" else copy.deepcopy(value, memo)
        return copied

    @property
    def texts_of_a_run(self) -> int:
        """Number of forget texts in the whole run, over all processes."""
        return self.max_steps * self.total_batch_size

    @property
    def total_batch_size(self) -> int:
        """Number of forget texts in a step, over all processes."""
        return int(
            self.per_device_train_batch_size * self.gradient_accumulation_steps * self.world_size
        )
