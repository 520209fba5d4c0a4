"""Reject training settings that are out of range, contradict each other or have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from transformers import TrainingArguments
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from fairforget.errors import InputError
from fairforget.objectives import NOTHING, OBJECTIVES, RETAIN_LOSSES, Objective
from fairforget.objectives.identity import identify_objective
from fairforget.seeds import check_seed
from fairforget.settings import Context, Counterfactual, Selection
from fairforget.training.adapters import check_peft
from fairforget.training.sharding import (
    check_deepspeed,
    check_fsdp,
    check_processes,
    is_sharding_requested,
)

if TYPE_CHECKING:
    from fairforget.training.config import UnlearningConfig

FLAGS = {"max_steps": "steps", "per_device_train_batch_size": "batch_size"}
"""TrainingArguments name → command-line flag, where they differ."""
LARGEST = 2**31 - 1
"""The largest value of a numeric setting."""
MOST_RETAINED = 1000
"""Upper bound of `retain_per_forget`."""


def check_settings(config: UnlearningConfig, custom: Objective | None) -> None:
    """Check what was set.

    Args:
        config: the settings, before TrainingArguments has filled them in.
        custom: the objective, if it is not registered.

    Raises:
        InputError: a setting is wrong.
    """
    if custom:
        _check_name(custom)
    else:
        _check_registered(str(config.objective))
    _check_choices(config)
    _check_ranges(config)
    _check_unsupported(config)
    _check_objective(config)


def check_environment(config: UnlearningConfig) -> None:
    """Check what also depends on the launcher and the packages.

    Args:
        config: the settings, after TrainingArguments has filled them in.

    Raises:
        InputError: a setting is impossible here.
    """
    if config.mixed_precision == "fp16":  # set here, or by the launcher
        raise InputError(
            "fp16 is too coarse for the gradients of a loss averaged over many tokens; use bf16"
        )
    if config.precompute_ref_hidden_states:
        _check_ref_hidden_states(config)
    check_processes()
    check_fsdp()
    if config.deepspeed_plugin:  # of the launcher
        check_deepspeed(config.deepspeed_plugin, config.mixed_precision)
    _check_trackers(config)
    _check_retain_texts(config)


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


def _check_registered(objective: str) -> None:
    """Reject an unknown objective."""
    if objective not in OBJECTIVES:
        choice = ", ".join(name for name in OBJECTIVES if name != NOTHING)
        raise InputError(f"objective {objective!r} is unknown; choose from {choice}")


def _check_choices(config: UnlearningConfig) -> None:
    """Reject unknown names."""
    for name, known in (
        ("selection", [*get_args(Selection), None]),
        ("context", get_args(Context)),
        ("counterfactual", get_args(Counterfactual)),
        ("retain_loss", [*RETAIN_LOSSES, "none"]),
    ):
        if getattr(config, name) not in known:
            choice = ", ".join(filter(None, known))
            raise InputError(f"{name} {getattr(config, name)!r} is unknown; choose from {choice}")


def _check_ranges(config: UnlearningConfig) -> None:
    """Reject numbers out of range, and an adapter if peft is missing."""
    for name, low, high in (
        ("retain_loss_weight", 0, LARGEST),
        ("retain_per_forget", 0, MOST_RETAINED),
        ("max_steps", 1, LARGEST),
        ("lora_rank", 0, LARGEST),
        ("lora_alpha", 1, LARGEST),
        ("per_device_train_batch_size", 1, LARGEST),
    ):
        value = getattr(config, name)
        if not low <= value <= high:
            flag = f" (--{FLAGS[name]})" if name in FLAGS else ""
            raise InputError(f"{name}{flag} is {value}; it must be between {low} and {high:,}")
    if config.learning_rate is not None and not 0 < config.learning_rate <= LARGEST:
        raise InputError(
            f"learning_rate is {config.learning_rate}; it must be above 0 and at most {LARGEST:,}"
        )
    check_seed(config.seed)
    if config.lora_rank:
        check_peft()


def _check_unsupported(config: UnlearningConfig) -> None:
    """Reject training arguments that a run cannot have."""
    if config.fsdp or config.deepspeed:
        raise InputError("set fsdp and deepspeed with `accelerate launch --config_file`, not here")
    if config.eval_strategy not in ("no", None):
        raise InputError(
            f"eval_strategy is {config.eval_strategy!r}; remove it: an early-stopping callback "
            "already evaluates during training, and fairforget.evaluate evaluates the result"
        )
    if config.auto_find_batch_size:
        raise InputError(
            "auto_find_batch_size would change the number of texts in a run; lower "
            "per_device_train_batch_size and raise gradient_accumulation_steps instead"
        )
    if config.save_only_model or config.ignore_data_skip:
        raise InputError(
            "with save_only_model or ignore_data_skip a resumed run would differ from an "
            "uninterrupted one; remove them"
        )
    if config.push_to_hub:
        raise InputError(
            "push_to_hub would upload the weights before interpolation; use "
            "fairforget.models.push.push_to_hub on the result"
        )

    if config.num_train_epochs != TrainingArguments.num_train_epochs:
        raise InputError("num_train_epochs has no effect; set max_steps")
    if config.label_smoothing_factor:
        raise InputError("label_smoothing_factor has no effect on these losses; remove it")
    if config.lora_rank and config.neftune_noise_alpha:
        raise InputError(
            "with lora_rank, the reference model shares the embeddings, so neftune_noise_alpha "
            "would add noise to it too; remove one of them"
        )


def _check_objective(config: UnlearningConfig) -> None:
    """Reject settings that the objective ignores, or that leave nothing to train."""
    objective = config.load_objective()
    if objective.name == NOTHING and config.retain_loss == "none":
        raise InputError(
            f"objective {NOTHING!r} trains with the retain loss alone, so retain_loss 'none' "
            "leaves nothing to train; change one of them"
        )
    if config.counterfactual != "neutral" and not objective.needs_counterfactual:
        raise InputError(
            f"counterfactual {config.counterfactual!r} has no effect: objective "
            f"{config.objective!r} uses no counterfactual text; remove the setting"
        )
    if objective.negated and config.retain_loss == "nll":
        raise InputError(
            f"objective {config.objective!r} negates everything the model learns, so retain_loss "
            "'nll' would be unlearned too; choose --retain_loss none or kl"
        )
    for name in ("retain_per_forget", "retain_loss_weight"):
        if config.retain_loss != "none" and not getattr(config, name):
            raise InputError(
                f"{name} is {getattr(config, name):g}, which disables retain_loss "
                f"{config.retain_loss!r}; to train without one, use --retain_loss none"
            )


def _check_retain_texts(config: UnlearningConfig) -> None:
    """Reject a retain loss without a retain text."""
    texts = config.texts_of_a_run
    if config.retain_loss != "none" and int(texts * config.retain_per_forget) == 0:
        raise InputError(
            f"retain_per_forget is {config.retain_per_forget:g}, which leaves no retain text for "
            f"the {texts} forget texts of the run; raise it, or use --retain_loss none"
        )


def _check_ref_hidden_states(config: UnlearningConfig) -> None:
    """Reject precomputed hidden states where they are unused or save no memory."""
    if not config.needs_ref_model:
        raise InputError(
            "precompute_ref_hidden_states has no effect: this objective and retain loss use no "
            "reference model; remove the setting"
        )
    if config.lora_rank or is_sharding_requested():
        raise InputError(
            "precompute_ref_hidden_states saves no memory with lora_rank, FSDP or ZeRO-3, "
            "which keep the reference model anyway; remove it"
        )


def _check_trackers(config: UnlearningConfig) -> None:
    """Reject early what Trainer would reject only after the first evaluation."""
    here = get_available_reporting_integrations()
    for name in config.report_to or ():
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(INTEGRATION_TO_CALLBACK)
            raise InputError(f"report_to {name!r} is unknown; choose from {known}")
        if name not in here and name != "flyte":  # for which transformers does not look
            raise InputError(
                f"report_to {name!r} needs a package that is not installed; install it"
            )
