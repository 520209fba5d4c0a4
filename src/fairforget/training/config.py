"""`UnlearningConfig`: transformers' TrainingArguments plus the unlearning settings."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch
from transformers import TrainingArguments
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from fairforget.errors import InputError
from fairforget.objectives import NOTHING, OBJECTIVES, RETAIN_LOSSES, Objective
from fairforget.objectives.identity import identify_objective
from fairforget.seeds import check_seed
from fairforget.settings import (
    Context,
    Counterfactual,
    DebiasSettings,
    ObjectiveSettings,
    RetainSettings,
    Selection,
    TrainingSettings,
)
from fairforget.training.adapters import check_peft
from fairforget.training.sharding import check_deepspeed, check_processes, is_sharding_requested

FLAGS = {"max_steps": "steps", "per_device_train_batch_size": "batch_size"}
"""TrainingArguments name → command-line flag, where they differ."""
WARM_UP = 5
"""Steps."""
LARGEST = 2**31 - 1
"""The largest value of a numeric setting."""
MOST_RETAINED = 1000
"""Upper bound of `retain_per_forget`."""


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
            self._check_name(self._custom)
        self._check_choices()
        self._check_ranges()
        self._check_unsupported()
        self._check_objective()
        if self.selection is None:
            left = self.context == "left"
            self.selection = self.load_objective().default_selection if left else "spans"
        if self.report_to is None:
            self.report_to = "none"
        if self.warmup_steps is None:
            self.warmup_steps = min(WARM_UP, self.max_steps // 4)
        super().__post_init__()  # type: ignore[no-untyped-call]
        if self.mixed_precision == "fp16":  # set here, or by the launcher
            raise InputError(
                "fp16 is too coarse for the gradients of a loss averaged over many tokens; use bf16"
            )
        if self.precompute_ref_hidden_states:
            self._check_ref_hidden_states()
        check_processes()
        if self.deepspeed_plugin:  # of the launcher
            check_deepspeed(self.deepspeed_plugin, self.mixed_precision)
        self._check_trackers()
        self._n_gpu = min(1, self.n_gpu)  # several GPUs take several processes, not DataParallel

    @staticmethod
    def _check_name(objective: Objective) -> None:
        """Reject an objective that a record would take for a built-in one."""
        known = OBJECTIVES.get(objective.name)
        if known is None:
            return
        constants = objective.beta, objective.gamma
        both = (identify_objective(it.with_constants(*constants)) for it in (objective, known))
        if len({*both}) > 1:
            raise InputError(
                f"objective {objective.name!r} differs from the built-in objective of that name; "
                "give it another name"
            )

    def _check_choices(self) -> None:
        """Reject unknown names."""
        if not self._custom and self.objective not in OBJECTIVES:
            choice = ", ".join(name for name in OBJECTIVES if name != NOTHING)
            raise InputError(f"objective {self.objective!r} is unknown; choose from {choice}")
        for name, known in (
            ("selection", [*get_args(Selection), None]),
            ("context", get_args(Context)),
            ("counterfactual", get_args(Counterfactual)),
            ("retain_loss", [*RETAIN_LOSSES, "none"]),
        ):
            if getattr(self, name) not in known:
                choice = ", ".join(filter(None, known))
                raise InputError(f"{name} {getattr(self, name)!r} is unknown; choose from {choice}")

    def _check_ranges(self) -> None:
        """Reject numbers out of range, and an adapter if peft is missing."""
        for name, low, high in (
            ("retain_loss_weight", 0, LARGEST),
            ("retain_per_forget", 0, MOST_RETAINED),
            ("max_steps", 1, LARGEST),
            ("lora_rank", 0, LARGEST),
            ("lora_alpha", 1, LARGEST),
            ("per_device_train_batch_size", 1, LARGEST),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                flag = f" (--{FLAGS[name]})" if name in FLAGS else ""
                raise InputError(f"{name}{flag} is {value}; it must be between {low} and {high:,}")
        if self.learning_rate is not None and not 0 < self.learning_rate <= LARGEST:
            raise InputError(
                f"learning_rate is {self.learning_rate}; it must be above 0 and at most {LARGEST:,}"
            )
        check_seed(self.seed)
        if self.lora_rank:
            check_peft()

    def _check_unsupported(self) -> None:
        """Reject training arguments that a run cannot have."""
        if self.fsdp or self.deepspeed:
            raise InputError(
                "set fsdp and deepspeed with `accelerate launch --config_file`, not here"
            )
        if self.eval_strategy not in ("no", None):
            raise InputError(
                f"eval_strategy is {self.eval_strategy!r}; remove it: an early-stopping callback "
                "already evaluates during training, and fairforget.evaluate evaluates the result"
            )
        if self.auto_find_batch_size:
            raise InputError(
                "auto_find_batch_size would change the number of texts in a run; lower "
                "per_device_train_batch_size and raise gradient_accumulation_steps instead"
            )
        if self.save_only_model or self.ignore_data_skip:
            raise InputError(
                "with save_only_model or ignore_data_skip a resumed run would differ from an "
                "uninterrupted one; remove them"
            )
        if self.push_to_hub:
            raise InputError(
                "push_to_hub would upload the weights before interpolation; use "
                "fairforget.models.push.push_to_hub on the result"
            )

        if self.num_train_epochs != TrainingArguments.num_train_epochs:
            raise InputError("num_train_epochs has no effect; set max_steps")
        if self.label_smoothing_factor:
            raise InputError("label_smoothing_factor has no effect on these losses; remove it")
        if self.lora_rank and self.neftune_noise_alpha:
            raise InputError(
                "with lora_rank, the reference model shares the embeddings, so neftune_noise_alpha "
                "would add noise to it too; remove one of them"
            )

    def _check_objective(self) -> None:
        """Reject settings that the objective ignores, or that leave nothing to train."""
        objective = self.load_objective()
        if objective.name == NOTHING and self.retain_loss == "none":
            raise InputError(
                f"objective {NOTHING!r} trains with the retain loss alone, so retain_loss 'none' "
                "leaves nothing to train; choose another of them"
            )
        if self.counterfactual != "neutral" and not objective.needs_counterfactual:
            raise InputError(
                f"counterfactual {self.counterfactual!r} has no effect: objective "
                f"{self.objective!r} uses no counterfactual text; remove it"
            )
        if objective.negated and self.retain_loss == "nll":
            raise InputError(
                f"objective {self.objective!r} negates everything the model learns, so retain_loss "
                "'nll' would be unlearned too; choose --retain_loss none or kl"
            )
        for name in ("retain_per_forget", "retain_loss_weight"):
            if self.retain_loss != "none" and not getattr(self, name):
                raise InputError(
                    f"{name} is {getattr(self, name):g}, which disables retain_loss "
                    f"{self.retain_loss!r}; to train without one, use --retain_loss none"
                )

    def _check_ref_hidden_states(self) -> None:
        """Reject precomputed hidden states where they are unused or save no memory."""
        if not self.needs_ref_model:
            raise InputError(
                "precompute_ref_hidden_states has no effect: this objective and retain loss use no "
                "reference model; remove it"
            )
        if self.lora_rank or is_sharding_requested():
            raise InputError(
                "precompute_ref_hidden_states saves no memory with lora_rank, FSDP or ZeRO-3, "
                "which keep the reference model anyway; remove it"
            )

    def _check_trackers(self) -> None:
        """Reject early what Trainer would reject only after the first evaluation."""
        here = get_available_reporting_integrations()
        for name in self.report_to or ():
            if name not in INTEGRATION_TO_CALLBACK:
                known = ", ".join(INTEGRATION_TO_CALLBACK)
                raise InputError(f"report_to {name!r} is unknown; choose from {known}")
            if name not in here and name != "flyte":  # for which transformers does not look
                raise InputError(
                    f"report_to {name!r} needs a package that is not installed; install it"
                )

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
        objective = self._custom or OBJECTIVES[str(self.objective)]
        return objective.with_constants(self.beta, self.gamma)

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
