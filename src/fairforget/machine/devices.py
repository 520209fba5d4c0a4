"""Which device a model is put on, and trained on."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fairforget.errors import InputError


def accelerators() -> dict[str, int]:
    """How many devices of its kind this machine has beside its CPUs, such as {"cuda": 2}."""
    if not torch.accelerator.is_available():
        return {}
    kind = torch.accelerator.current_accelerator()
    assert kind is not None
    return {kind.type: torch.accelerator.device_count()}


def select_device(
    asked: str | None,
    *,
    own: torch.device | None = None,
    here: Mapping[str, int] | None = None,
) -> torch.device:
    """The device that was asked for, or the best one.

    Args:
        asked: "cpu", "cuda", "cuda:1", "mps", …; None takes an accelerator where there is one.
        own: the device that a launcher gave this process, where it started several.
        here: what there is beside the CPUs; by default `accelerators()`.

    Raises:
        InputError: there is no such device, or one of several processes asked for another one's.
    """
    here = accelerators() if here is None else here
    if asked is None:
        return own or torch.device(next(iter(here), "cpu"))
    known = ["cpu", *(f"{kind}:{i}" for kind, number in here.items() for i in range(number))]
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise InputError(
            f"device {asked!r} is unknown; this machine has {', '.join(known)}"
        ) from error
    if own is not None and device not in (own, torch.device(own.type)):
        raise InputError(
            f"device {asked!r}: the launcher gave this process {str(own)!r}; leave --device out"
        )
    if device.type == "cpu":
        return own or device
    count = here.get(device.type, 0)
    if (device.index or 0) >= count:
        raise InputError(
            f"device {asked!r}: this machine has no such device; choose from {', '.join(known)}"
        )
    return own or device
