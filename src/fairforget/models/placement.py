"""The device that a command runs on, and a loaded model that has to be moved there."""

from __future__ import annotations

import torch

from fairforget.machine.devices import select_device
from fairforget.machine.processes import join_process_group
from fairforget.models.language_model import LanguageModel


def place_model(language_model: LanguageModel | None, requested: str | None) -> torch.device:
    """Join the process group, if any, and choose the device; move a loaded model there.

    Without a request or a launcher, a loaded model stays where it is.

    Args:
        language_model: the loaded model; None if it is loaded later.
        requested: as in `select_device`.

    Raises:
        InputError: as `select_device`.
    """
    own = join_process_group(cpu=requested == "cpu")
    if language_model and requested is None and own is None:
        return language_model.device
    device = select_device(requested, own=own)
    if language_model:
        move_model(language_model, device)
    return device


def move_model(language_model: LanguageModel, device: torch.device) -> None:
    """Move a loaded model, unless it is there: some models cannot be moved at all."""
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    if language_model.device != device:
        language_model.model.to(device)  # type: ignore[arg-type]
