"""`UnlearningConfig`: how to unlearn, as transformers' TrainingArguments and some more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch
from transformers import TrainingArguments
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from fairforget.errors import InputError
from fairforget.objectives import OBJECTIVES, RETAIN_LOSSES
from fairforget.seeds import check_seed
from fairforget.training.adapters import check_peft
from fairforget.training.sharding import is_sharding_requested
from fairforget.training.targets import Context, Counterfactual, Selection
from fairforget.training.zero3 import check_zero3

FLAGS = {"max_steps": "steps", "per_device_train_batch_size": "batch_size"}
"""What the command line calls a setting that Trainer names otherwise."""
WARM_UP = 5
"""Steps."""
MOST_RETAINED = 1000
"""Retain texts for each forget text."""


@dataclass
class UnlearningConfig(TrainingArguments):
    """How to unlearn: TrainingArguments, with defaults that do not collapse a model.

    Raises:
        InputError: an unknown objective or retention, a number out of range, or settings that do
            not go together.
    """

    objective: str = "counterfactual-kl"
    """What is done to the target tokens."""
    beta: float | None = None
    """How soon npo and simnpo brake, per nat; by default as their papers: 0.1 and 2.5."""
    gamma: float | None = None
    """Reward margin of simnpo; by default 0, as in its paper's experiments."""
    selection: Selection | None = None
    """Which tokens are targets; by default those from the group mention to the first harmful one
    for neutral in context left, else the harmful ones."""
    context: Context = "left"
    """What a causal model sees of a text: what precedes the target, or all of it but the target, in
    an infilling prompt. A masked model always sees both sides."""
    counterfactual: Counterfactual = "neutral"
    """What the neutral objectives compare with: the text with a neutral word for the group, or the
    average over texts about other groups of the domain, for the built-in corpus."""
    precompute_ref_hidden_states: bool = False
    """Ask the original model once, before training, so that its weights can wait in the machine's
    own memory; else it is asked in each step."""
    lora_rank: int = 0
    """Train an adapter of this rank; 0 trains all weights."""
    lora_alpha: int = 32
    """Scale of the adapter, ÷ its rank."""
    retain_loss: str = "kl"
    """What is done on the retain corpus."""
    retain_loss_weight: float = 1.0
    """Weight of the retain loss; the forget loss has 1."""
    retain_per_forget: float = 0.5
    """Retain texts for each forget text."""
    per_device_train_batch_size: int = 32
    """Forget texts of a step on each device."""
    max_steps: int = 120
    """Optimiser steps."""
    learning_rate: float = 3e-5
    """Peak learning rate of AdamW."""
    lr_scheduler_type: str = "linear"
    """Falls to 0 at the end."""
    warmup_steps: float | None = None  # type: ignore[assignment]  # a float in the end
    """Steps (or share) of warm-up; by default 5, in a short run a quarter of its steps."""
    logging_steps: float = 5
    """Steps between rows of history."""
    save_steps: float = 20
    """Steps between checkpoints."""
    save_total_limit: int | None = 2
    """Checkpoints kept."""
    report_to: str | list[str] | None = "none"
    """Experiment trackers, as Trainer knows them."""
    remove_unused_columns: bool = False
    """Fixed: samples are no columns."""
    dataloader_pin_memory: bool = False
    """Batches are small."""
    logging_nan_inf_filter: bool = False
    """Off: a loss that is not finite must be seen."""
    gpu: int = 0
    """Which GPU, where there are several and one process."""

    def __post_init__(self) -> None:
        for name, known in (
            ("objective", [*OBJECTIVES]),
            ("selection", [*get_args(Selection), None]),
            ("context", get_args(Context)),
            ("counterfactual", get_args(Counterfactual)),
            ("retain_loss", [*RETAIN_LOSSES, "none"]),
        ):
            if getattr(self, name) not in known:
                choice = ", ".join(filter(None, known))
                raise InputError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of {choice}"
                )
        for name, low in (
            ("retain_loss_weight", 0),
            ("retain_per_forget", 0),
            ("learning_rate", 0),
            ("max_steps", 1),
            ("lora_rank", 0),
            ("lora_alpha", 1),
            ("per_device_train_batch_size", 1),
        ):
            if not low <= getattr(self, name) < math.inf:
                flag = f" (--{FLAGS[name]})" if name in FLAGS else ""
                raise InputError(
                    f"{name}{flag} is {getattr(self, name)}; it must be finite and at least {low}"
                )
        check_seed(self.seed)
        if self.lora_rank:
            check_peft()
        if self.retain_per_forget > MOST_RETAINED:
            raise InputError(
                f"retain_per_forget is {self.retain_per_forget:g}; it must be at most "
                f"{MOST_RETAINED}"
            )
        if self.fsdp or self.deepspeed:
            raise InputError(
                "fsdp and deepspeed are asked for by `accelerate launch --config_file`, not here"
            )
        if self.eval_strategy not in ("no", None):
            raise InputError(
                f"eval_strategy is {self.eval_strategy!r}; the damage is looked at while training, "
                "and fairforget.evaluate measures the result"
            )
        if self.auto_find_batch_size:
            raise InputError(
                "auto_find_batch_size would change how many texts a run sees; choose a smaller "
                "per_device_train_batch_size, with gradient_accumulation_steps"
            )
        if self.save_only_model or self.ignore_data_skip:
            raise InputError(
                "save_only_model and ignore_data_skip would let a run that goes on end with other "
                "weights than one that was not cut off; leave them out"
            )
        if self.push_to_hub:
            raise InputError(
                "push_to_hub would upload weights before they land on the budget; "
                "fairforget.models.push.push_to_hub uploads the result"
            )
        self._check_objective()
        if self.selection is None:
            whole = self.objective == "counterfactual-kl" and self.context == "left"
            self.selection = "mention-to-span" if whole else "spans"
        if self.report_to is None:
            self.report_to = "none"
        if self.warmup_steps is None:
            self.warmup_steps = min(WARM_UP, self.max_steps // 4)
        super().__post_init__()  # type: ignore[no-untyped-call]
        if self.mixed_precision == "fp16":  # asked for here, or by the launcher
            raise InputError(
                "fp16 is too coarse for the gradients of a loss that is a mean over many tokens; "
                "choose bf16"
            )
        if self.precompute_ref_hidden_states:
            self._check_ref_hidden_states()
        if self.deepspeed_plugin:  # of the launcher
            check_zero3(self.deepspeed_plugin, self.mixed_precision)
        self._check_trackers()
        self._n_gpu = min(1, self.n_gpu)  # several GPUs take several processes, not DataParallel

    def _check_objective(self) -> None:
        """Refuse what the objective has no use for, and a retention that would come to nothing."""
        objective = OBJECTIVES[self.objective].with_constants(self.beta, self.gamma)
        if self.counterfactual != "neutral" and not objective.needs_counterfactual:
            raise InputError(
                f"objective {self.objective!r} compares with no text about others, so counterfactual "
                f"{self.counterfactual!r} says nothing; leave it out"
            )
        if objective.negated and self.retain_loss == "nll":
            raise InputError(
                f"objective {self.objective!r} turns round all that is learned, what retention "
                "'nll' teaches too; choose --retain_loss none or kl"
            )
        for name in ("retain_per_forget", "retain_loss_weight"):
            if self.retain_loss != "none" and not getattr(self, name):
                raise InputError(
                    f"{name} is {getattr(self, name):g}, so retention {self.retain_loss!r} would "
                    "retain nothing; if that is meant, --retain_loss none"
                )

    def _check_ref_hidden_states(self) -> None:
        """Refuse to ask the original beforehand where it is not asked, or is at hand anyway."""
        if not self.needs_ref_model:
            raise InputError(
                f"objective {self.objective!r} with retention {self.retain_loss!r} does not ask the "
                "original, so precompute_ref_hidden_states says nothing; leave it out"
            )
        if self.lora_rank or is_sharding_requested():
            raise InputError(
                "precompute_ref_hidden_states saves no memory with lora_rank, FSDP or ZeRO-3, which keep "
                "the original at hand; leave it out"
            )

    def _check_trackers(self) -> None:
        """Refuse what Trainer would refuse once the model is measured."""
        here = get_available_reporting_integrations()
        for name in self.report_to or ():
            if name not in INTEGRATION_TO_CALLBACK:
                known = ", ".join(INTEGRATION_TO_CALLBACK)
                raise InputError(f"report_to {name!r} is unknown; choose from {known}")
            if name not in here and name != "flyte":  # for which transformers does not look
                raise InputError(f"report_to {name!r} needs its package, which is not installed")

    @cached_property
    def _setup_devices(self) -> torch.device:
        """Trainer's choice; of several GPUs, `gpu` and not the first; of CPUs, none by number."""
        device: torch.device = super()._setup_devices
        if device.type == "cpu":
            return torch.device("cpu")  # "cpu:0" cannot be a checkpoint's map_location
        if device.type != "cuda" or self.world_size > 1:
            return device
        device = torch.device("cuda", self.gpu)
        torch.cuda.set_device(device)  # what Trainer calls "cuda" is the current one
        return device

    @property
    def needs_ref_model(self) -> bool:
        """Whether a loss of the run compares with the original model."""
        losses = (OBJECTIVES[self.objective], RETAIN_LOSSES.get(self.retain_loss))
        return any(loss.needs_ref_model for loss in losses if loss)

    @property
    def texts_of_a_run(self) -> int:
        """Forget texts that the whole run sees, over all processes."""
        return int(
            self.max_steps
            * self.per_device_train_batch_size
            * self.gradient_accumulation_steps
            * self.world_size
        )
