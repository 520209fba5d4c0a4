"""Select the device that a model runs on, and free the memory of earlier models."""

from __future__ import annotations

import gc

import torch

from fairforget.errors import InputError


def accelerators() -> dict[str, int]:
    """Return the number of accelerators of this machine by type, such as {"cuda": 2}."""
    if not torch.accelerator.is_available():
        return {}
    accelerator = torch.accelerator.current_accelerator()
    assert accelerator is not None
    return {accelerator.type: torch.accelerator.device_count()}


def select_device(requested: str | None, *, own: torch.device | None = None) -> torch.device:
    """Return the requested device, or the best one.

    Args:
        requested: "cpu", "cuda", "cuda:1", "mps", …; None selects an accelerator if there is one.
        own: the device that a launcher of several processes assigned to this one.

    Raises:
        InputError: the device does not exist, or is assigned to another process.
    """
    available = accelerators()
    if requested is None:
        return own or torch.device(next(iter(available), "cpu"))
    names = ["cpu", *(f"{kind}:{i}" for kind, count in available.items() for i in range(count))]
    try:
        device = torch.device(requested)
    except RuntimeError as error:
        raise InputError(
            f"device {requested!r} is unknown; this machine has {', '.join(names)}"
        ) from error
    if own is not None and device not in (own, torch.device(own.type)):
        raise InputError(
            f"device {requested!r}: the launcher assigned {str(own)!r} to this process; remove "
            "--device"
        )
    if device.type == "cpu":
        return own or device
    count = available.get(device.type, 0)
    if (device.index or 0) >= count:
        raise InputError(
            f"device {requested!r}: this machine has no such device; choose from {', '.join(names)}"
        )
    return own or device


def release_memory() -> None:
    """Free the memory of models that nothing refers to any more."""
    gc.collect()
    torch.cuda.empty_cache()
