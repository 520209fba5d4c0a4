"""The device that is asked for is the one that is used, or there is one clear line."""

from __future__ import annotations

import pytest
import torch

from fairforget.errors import InputError
from fairforget.machine.devices import select_device

TWO_GPUS = {"cuda": 2}


@pytest.mark.parametrize(
    ("asked", "own", "here", "device"),
    [
        (None, None, {}, "cpu"),
        (None, None, TWO_GPUS, "cuda"),
        (None, None, {"mps": 1}, "mps"),
        ("cpu", None, TWO_GPUS, "cpu"),
        ("cuda:1", None, TWO_GPUS, "cuda:1"),
        ("mps", None, {"mps": 1}, "mps"),
        # several processes: each has its own, and may be asked for its kind
        (None, "cuda:1", TWO_GPUS, "cuda:1"),
        ("cuda", "cuda:1", TWO_GPUS, "cuda:1"),
        ("cpu", "cpu", TWO_GPUS, "cpu"),
    ],
)
def test_what_was_asked_for(asked, own, here, device) -> None:
    mine = torch.device(own) if own else None
    assert select_device(asked, own=mine, here=here) == torch.device(device)


@pytest.mark.parametrize(
    ("asked", "own", "here", "message"),
    [
        ("cuda", None, {}, "no such device; choose from cpu$"),
        ("cuda:2", None, TWO_GPUS, "choose from cpu, cuda:0, cuda:1$"),
        ("mps", None, TWO_GPUS, "choose from cpu, cuda:0, cuda:1$"),
        ("abacus", None, {}, "'abacus'"),
        ("cuda:0", "cuda:1", TWO_GPUS, "the launcher gave this process 'cuda:1'"),
    ],
)
def test_what_is_not_there(asked, own, here, message) -> None:
    mine = torch.device(own) if own else None
    with pytest.raises(InputError, match=message):
        select_device(asked, own=mine, here=here)
