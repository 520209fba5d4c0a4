"""The device that is asked for is the one that is used, or there is one clear line."""

from __future__ import annotations

import pytest
import torch

from fairforget.errors import InputError
from fairforget.machine import devices
from fairforget.machine.devices import select_device

TWO_GPUS = {"cuda": 2}


@pytest.mark.parametrize(
    ("requested", "own", "available", "device"),
    [
        (None, None, {}, "cpu"),
        (None, None, TWO_GPUS, "cuda"),
        (None, None, {"mps": 1}, "mps"),
        ("cpu", None, TWO_GPUS, "cpu"),
        ("cuda:1", None, TWO_GPUS, "cuda:1"),
        ("mps", None, {"mps": 1}, "mps"),
        # several processes: each has its own device, which may be requested by its type
        (None, "cuda:1", TWO_GPUS, "cuda:1"),
        ("cuda", "cuda:1", TWO_GPUS, "cuda:1"),
        ("cpu", "cpu", TWO_GPUS, "cpu"),
    ],
)
def test_selects_the_requested_device(monkeypatch, requested, own, available, device) -> None:
    monkeypatch.setattr(devices, "accelerators", lambda: available)
    assigned = torch.device(own) if own else None
    assert select_device(requested, own=assigned) == torch.device(device)


@pytest.mark.parametrize(
    ("requested", "own", "available", "message"),
    [
        ("cuda", None, {}, "no such device; choose from cpu$"),
        ("cuda:2", None, TWO_GPUS, "choose from cpu, cuda:0, cuda:1$"),
        ("mps", None, TWO_GPUS, "choose from cpu, cuda:0, cuda:1$"),
        ("abacus", None, {}, "'abacus'"),
        ("cuda:0", "cuda:1", TWO_GPUS, "the launcher assigned 'cuda:1' to this process"),
    ],
)
def test_refuses_unavailable_devices(monkeypatch, requested, own, available, message) -> None:
    monkeypatch.setattr(devices, "accelerators", lambda: available)
    assigned = torch.device(own) if own else None
    with pytest.raises(InputError, match=message):
        select_device(requested, own=assigned)
