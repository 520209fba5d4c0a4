"""One run on several processes, as `accelerate launch` or `torchrun` start them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes and prints; one alone does."""
    return os.environ.get("RANK", "0") == "0"


def joined() -> torch.device | None:
    """Join the other processes of this run, if there are any; the device that is this one's."""
    if count() == 1:
        return None
    from accelerate import PartialState

    device: torch.device = PartialState().device
    return device
