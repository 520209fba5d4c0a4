"""Translate settings: load a model to train, choose forget corpora, make training arguments."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from fairforget.machine.processes import process_count
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_with_settings
from fairforget.names import split_commas
from fairforget.objectives import Objective
from fairforget.settings import (
    DebiasSettings,
    ModelSettings,
    ObjectiveSettings,
    RetainSettings,
)
from fairforget.targets import BY_SPAN
from fairforget.training.config import UnlearningConfig


def load_to_train(
    source: str | Path, settings: ModelSettings, device: torch.device | None = None
) -> LanguageModel:
    """Load a model in float32 unless the settings name a dtype: its own may be too coarse to train.

    Args:
        source: as for `load_model`.
        settings: of the model.
        device: where this process trains; None for the device of the settings.

    Raises:
        InputError: as `load_model`.
    """
    place = str(device) if device else settings.device
    settings = replace(settings, dtype=settings.dtype or "float32", device=place)
    return load_with_settings(source, settings)


def default_forget(config: UnlearningConfig) -> str:
    """Return the names of the forget corpora if none is given.

    The texts of `pronouns` have no harmful spans, and a loss without counterfactual texts would
    make pronouns less likely instead of independent of the occupation.
    """
    independent = config.load_objective().needs_counterfactual and config.selection not in BY_SPAN
    return "builtin,pronouns" if independent else "builtin"


def training_config(
    settings: DebiasSettings,
    checkpoints: Path | None,
    *,
    device: torch.device,
    objective: Objective | None = None,
    **options: Any,
) -> UnlearningConfig:
    """Translate settings into transformers' training arguments.

    Args:
        settings: of the run; `batch_size` counts the texts of all processes together.
        checkpoints: the directory for checkpoints; None to save none.
        device: where this process trains.
        objective: an objective that is not registered.
        **options: further training arguments.

    Raises:
        InputError: a setting is unknown, out of range, or contradicts another.
    """
    names = [f.name for part in (ObjectiveSettings, RetainSettings) for f in fields(part)]
    shared = {name: getattr(settings, name) for name in (*names, "retain_groups")}
    if objective:
        shared["objective"] = objective
    if checkpoints is None:
        options["save_strategy"] = "no"
    return UnlearningConfig(
        output_dir=str(checkpoints or tempfile.gettempdir()),  # the trainer needs one
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size // process_count(),
        learning_rate=settings.learning_rate,
        use_cpu=device.type == "cpu",
        gpu=device.index or 0,
        seed=settings.seed,
        report_to=split_commas(settings.report_to),
        **shared,
        **options,
    )
