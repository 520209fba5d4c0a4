"""`UnlearningConfig`: how to unlearn, as transformers' TrainingArguments and some more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

import torch
from transformers import TrainingArguments

from fairforget.errors import InputError
from fairforget.objectives import OBJECTIVES, RETENTIONS
from fairforget.targets import Context, Reference, Selection


@dataclass
class UnlearningConfig(TrainingArguments):
    """How to unlearn: TrainingArguments, with defaults that do not collapse a model.

    Raises:
        InputError: an unknown objective or retention, a number out of range, or settings that do
            not go together.
    """

    objective: str = field(
        default="neutral", metadata={"help": "What is done to the target tokens."}
    )
    beta: float | None = field(
        default=None,
        metadata={
            "help": "How soon npo and simnpo brake, per nat; by default as their papers: 0.1 and "
            "2.5."
        },
    )
    gamma: float | None = field(
        default=None,
        metadata={"help": "Reward margin of simnpo; by default 0, as in its paper's experiments."},
    )
    selection: Selection | None = field(
        default=None,
        metadata={
            "help": "Which tokens are targets; by default those from the group mention to the "
            "first harmful one for neutral in context left, else the harmful ones."
        },
    )
    context: Context = field(
        default="left",
        metadata={
            "help": "What a causal model sees of a text: what precedes the target, or all of it "
            "but the target, in an infilling prompt. A masked model always sees both sides."
        },
    )
    reference: Reference = field(
        default="neutral",
        metadata={
            "help": "What the neutral objectives compare with: the text with a neutral word for "
            "the group, or the average over texts about other groups of the domain, for the "
            "built-in corpus."
        },
    )
    lora_rank: int = field(
        default=0, metadata={"help": "Train an adapter of this rank; 0 trains all weights."}
    )
    lora_alpha: int = field(default=32, metadata={"help": "Scale of the adapter, ÷ its rank."})
    retention: str = field(default="kl", metadata={"help": "What is done on the retain corpus."})
    retention_weight: float = field(
        default=1.0, metadata={"help": "Weight of the retain loss; the forget loss has 1."}
    )
    retain_per_forget: float = field(
        default=0.5, metadata={"help": "Retain texts for each forget text."}
    )
    per_device_train_batch_size: int = field(
        default=32, metadata={"help": "Forget texts of a step on each device."}
    )
    max_steps: int = field(default=120, metadata={"help": "Optimiser steps."})
    learning_rate: float = field(default=3e-5, metadata={"help": "Peak learning rate of AdamW."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Falls to 0 at the end."})
    warmup_steps: float = field(default=5, metadata={"help": "Steps (or share) of warm-up."})
    logging_steps: float = field(default=5, metadata={"help": "Steps between rows of history."})
    save_steps: float = field(default=20, metadata={"help": "Steps between checkpoints."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept."})
    report_to: str | list[str] | None = field(
        default="none", metadata={"help": "Experiment trackers, as Trainer knows them."}
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Fixed: samples are no columns."}
    )
    dataloader_pin_memory: bool = field(default=False, metadata={"help": "Batches are small."})
    logging_nan_inf_filter: bool = field(
        default=False, metadata={"help": "Off: a loss that is not finite must be seen."}
    )

    gpu: int = field(
        default=0, metadata={"help": "Which GPU, where there are several and one process."}
    )

    def __post_init__(self) -> None:
        for name, known in (
            ("objective", [*OBJECTIVES]),
            ("selection", [*get_args(Selection), None]),
            ("context", get_args(Context)),
            ("reference", get_args(Reference)),
            ("retention", [*RETENTIONS, "none"]),
        ):
            if getattr(self, name) not in known:
                choice = ", ".join(filter(None, known))
                raise InputError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of {choice}"
                )
        for name, low in (
            ("retention_weight", 0),
            ("retain_per_forget", 0),
            ("learning_rate", 0),
            ("max_steps", 1),
            ("lora_rank", 0),
            ("per_device_train_batch_size", 1),
        ):
            if not low <= getattr(self, name) < math.inf:
                raise InputError(
                    f"{name} is {getattr(self, name)}; it must be finite and at least {low}"
                )
        self._check_objective()
        if self.selection is None:
            whole = self.objective == "neutral" and self.context == "left"
            self.selection = "to-harm" if whole else "harmful"
        super().__post_init__()  # type: ignore[no-untyped-call]
        self._n_gpu = min(1, self.n_gpu)  # several GPUs take several processes, not DataParallel

    def _check_objective(self) -> None:
        """Refuse constants that the objective lacks, and a retention that would come to nothing."""
        objective = OBJECTIVES[self.objective].tuned(self.beta, self.gamma)
        if objective.negated and self.retention == "nll":
            raise InputError(
                f"objective {self.objective!r} turns round all that is learned, what retention "
                "'nll' teaches too; choose --retention none or kl"
            )
        if self.retention != "none" and not self.retain_per_forget:
            raise InputError(
                f"retain_per_forget is {self.retain_per_forget:g}, so retention "
                f"{self.retention!r} would retain nothing; if that is meant, --retention none"
            )

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
    def texts_of_a_run(self) -> int:
        """Forget texts that the whole run sees, over all processes."""
        return int(
            self.max_steps
            * self.per_device_train_batch_size
            * self.gradient_accumulation_steps
            * self.world_size
        )
