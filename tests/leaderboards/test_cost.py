"""Time and memory of a method."""

from __future__ import annotations

import sys
from mmap import mmap

import pytest
import torch

from fairforget.leaderboards import cost
from fairforget.leaderboards.cost import measure_cost, slowdown
from fairforget.models.language_model import LanguageModel

from ..models import tiny_model

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak")
def test_the_peak_includes_memory_that_was_freed() -> None:
    cpu = torch.device("cpu")
    with measure_cost(cpu) as little:
        pass
    # a tensor could be in memory that an earlier test freed, and that the allocator kept
    with measure_cost(cpu) as much, mmap(-1, 256 * MIB) as memory:
        for _ in range(256):
            memory.write(bytes(MIB))
    assert little.peak_memory is not None
    assert much.peak_memory is not None
    assert much.peak_memory - little.peak_memory > 200 * MIB
    assert much.seconds > 0


def test_the_slowdown_is_a_median_of_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    """One stall of the machine does not count."""
    original, debiased = tiny_model("llama"), tiny_model("gpt2")
    seconds = iter([1.0, 2.0, 1.0, 9.0, 9.0, 18.0, 1.0, 2.0, 1.0, 2.0])
    timed = []

    def measure(language_model: LanguageModel, texts: object) -> float:
        timed.append(language_model)
        return next(seconds)

    monkeypatch.setattr(cost, "_seconds", measure)
    assert slowdown(original, debiased, [[1, 5, 6]]) == 2.0
    assert timed == [original, debiased] * 5
