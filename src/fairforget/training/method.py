"""What a record says about the method of a run."""

from __future__ import annotations

from typing import Any

from transformers.trainer_utils import SchedulerType

from fairforget.objectives import CONSTANTS, OBJECTIVES
from fairforget.training.config import UnlearningConfig


def describe_method(config: UnlearningConfig) -> dict[str, Any]:
    """Return the record's description of the training settings.

    The objective's constants are included only if they differ from the published ones, mixed
    precision and `retain_groups` only if they are used.
    """
    objective = config.load_objective()
    published = OBJECTIVES.get(objective.name)
    method = {
        "objective": config.objective,
        "selection": config.selection,
        "context": config.context,
        "counterfactual": config.counterfactual,
        "retain_loss": config.retain_loss,
        "retain_loss_weight": config.retain_loss_weight,
        "retain_per_forget": config.retain_per_forget,
        "steps": config.max_steps,
        "batch_size": config.total_batch_size,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": SchedulerType(config.lr_scheduler_type).value,
        "seed": config.seed,
        "lora": {"rank": config.lora_rank, "alpha": config.lora_alpha}
        if config.lora_rank
        else None,
    }
    if config.adds_retain_texts:
        method["retain_groups"] = True
    for name in CONSTANTS:
        value = getattr(objective, name)
        if value is not None and value != getattr(published, name, None):
            method[name] = value
    if config.mixed_precision != "no":
        method["mixed_precision"] = config.mixed_precision
    return method


def describe_run(config: UnlearningConfig, steps: int) -> dict[str, Any]:
    """Return the description of the settings, and what else is known after the run.

    That is the summary of a user's objective, if it has one, and the number of steps if training
    stopped early.

    Args:
        config: the training settings.
        steps: the number of steps that were done.
    """
    method = describe_method(config)
    objective = config.load_objective()
    if objective.name not in OBJECTIVES and objective.summary:
        method["objective_summary"] = objective.summary
    if steps < config.max_steps:
        method["steps_done"] = steps
    return method
