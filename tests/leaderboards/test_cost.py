"""Time and memory of a method."""

from __future__ import annotations

import subprocess
import sys
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from fairforget.leaderboards import cost
from fairforget.leaderboards.cost import measure_cost, slowdown
from fairforget.models.language_model import LanguageModel
from fairforget.training.movement import record_original

from ..models import tiny_model

MIB = 2**20


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak")


FREED = """
import torch
from fairforget.leaderboards.cost import measure_cost
from fairforget.machine.allocator import keep_freed_memory

keep_freed_memory()
for _ in range(2):
    with measure_cost(torch.device("cpu")) as cost:
        pass
    print(cost.peak_memory)
    parts = [torch.ones(1 << 20) for _ in range(128)]
    del parts
"""
"""Prints the peak without a method, before and after 512 MiB were in use; each part is kept."""


@ON_LINUX
@pytest.mark.processes
def test_memory_that_was_freed_before_does_not_count() -> None:
    output = subprocess.run(
        [sys.executable, "-c", FREED], check=True, capture_output=True, text=True
    ).stdout
    before, after = map(int, output.split())
    assert after - before < 128 * MIB


@ON_LINUX
def test_what_the_method_does_not_need_does_not_count() -> None:
    cpu, weights = torch.device("cpu"), torch.ones(16 * MIB)
    with measure_cost(cpu) as all_of_it:
        pass
    with measure_cost(cpu, apart_from=[weights, weights.view(-1)]) as rest:
        pass
    assert all_of_it.peak_memory is not None
    assert rest.peak_memory is not None
    assert all_of_it.peak_memory - rest.peak_memory == pytest.approx(weights.nbytes, abs=16 * MIB)


@ON_LINUX
@pytest.mark.parametrize("device", ["cuda", "xpu", "mps"])
def test_what_is_in_other_memory_does_not_change_the_peak(device: str) -> None:
    tensor = SimpleNamespace(device=torch.device(device), nbytes=2**50, data_ptr=lambda: 1)
    elsewhere = cast(torch.Tensor, tensor)
    with measure_cost(torch.device("cpu"), apart_from=[elsewhere]) as measured:
        pass
    assert measured.peak_memory is not None
    assert measured.peak_memory > 0


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_measures_movement_has_tensors_of_its_own(family: str) -> None:
    language_model = tiny_model(family)
    states = record_original(language_model, {"retain": [[1, 5, 6, 7, 8]]})
    assert states is not None
    hidden, *head = states.tensors()
    assert len(hidden) == 4  # one for each predicted token
    weights = language_model.model.get_output_embeddings().weight
    assert any(torch.equal(part, weights) for part in head)
    own = {weight.data_ptr() for weight in language_model.model.parameters()}
    assert own.isdisjoint(part.data_ptr() for part in head)


def test_a_peak_that_cannot_be_reset_is_not_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cost, "RESET", tmp_path / "missing" / "clear_refs")
    with measure_cost(torch.device("cpu")) as measured:
        pass
    assert measured.peak_memory is None


@ON_LINUX
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
