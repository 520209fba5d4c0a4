"""Nothing is in float64 on a device other than the CPU: Apple's GPUs do not have it.

The device here is the meta device. Its tensors have no numbers; those that `cpu` returns are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fairforget.benchmarks.stereoset.target import _target_log_probs
from fairforget.methods.erasure import fold, mean_states
from fairforget.training.movement import record_original

from .models import SENTENCES, tiny_model

DEVICE = torch.device("meta")
IDS = [[1, 5, 9, 13, 17, 21], [1, 6, 11], [1, 4]]


class NoFloat64(TorchDispatchMode):
    """Refuses float64 on the device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        found = func(*args, **kwargs or {})
        for value in tree_leaves(found):
            if isinstance(value, Tensor) and value.device == DEVICE:
                assert value.dtype != torch.float64, f"{func} gives float64 on the device"
        return found


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """A device without float64."""
    to_cpu = Tensor.cpu
    monkeypatch.setattr(
        Tensor,
        "cpu",
        lambda self: torch.zeros_like(self, device="cpu") if self.is_meta else to_cpu(self),
    )
    with NoFloat64():
        yield DEVICE


def test_float64_on_the_device_is_refused(device: torch.device) -> None:
    values = torch.ones(3, device=device)
    assert values.cpu().double().tolist() == [0, 0, 0]
    with pytest.raises(AssertionError, match="gives float64 on the device"):
        values.double()
    with pytest.raises(AssertionError, match="gives float64 on the device"):
        values.sum(dtype=torch.float64)


def test_the_movement(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    language_model = tiny_model("llama")
    states = record_original(language_model, {"retain": IDS})
    assert states
    monkeypatch.setattr(
        "fairforget.training.movement._run",
        lambda model, batch: torch.zeros(len(batch.places), 32, device=device),
    )
    moved = states.measure(language_model.model.to(device), "retain")
    assert (moved.divergence, moved.perplexity) == (0, 1)


def test_an_erasure(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    language_model = tiny_model("llama")
    monkeypatch.setattr(
        "fairforget.methods.erasure._head_input",
        lambda model, inputs: torch.zeros(*inputs["input_ids"].shape, 32, device=device),
    )
    states = mean_states(language_model, SENTENCES)
    assert (states.dtype, states.device.type) == (torch.float64, "cpu")
    language_model.model.to(device)
    fold(language_model, torch.eye(32, dtype=torch.float64))


def test_the_scores_of_a_target(device: torch.device) -> None:
    outputs, tokens = torch.zeros(4, 32, device=device), np.array([3, 5])
    found = _target_log_probs(
        head=lambda part: part,
        outputs=outputs,
        rows=np.array([[0, 1], [2, 3]]),
        tokens=tokens,
        targets={"neutral": lambda group, neutral: neutral},
        size=8,
    )
    assert found["neutral"].tolist() == [0, 0]
