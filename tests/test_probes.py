"""Probes: each model is tested once, and again if what was found may no longer hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from fairforget.forward.linear_head import linear_head
from fairforget.forward.packing import supports_tree_attention
from fairforget.forward.padding import supports_padding
from fairforget.forward.probes import probe_once
from fairforget.forward.split_forward import can_split, can_split_now
from fairforget.scoring.causal import token_log_probs
from fairforget.scoring.masked import mask_one_at_a_time, masked_log_probs
from fairforget.training.adapters import add_adapter, merge_adapter
from fairforget.training.config import UnlearningConfig

from .models import CAUSAL, MASKED, tiny

IDS = [5, 9, 13, 17, 21, 30]


def score(model: PreTrainedModel, family: str) -> np.ndarray:
    if family in CAUSAL:
        return np.concatenate(token_log_probs(model, [IDS, [*IDS[:3], 7]]))
    return np.concatenate(masked_log_probs(model, mask_one_at_a_time(IDS, range(1, 5), 4)))


def count_passes(model: PreTrainedModel) -> list[Any]:
    """One entry per forward pass of the model's body."""
    passes: list[Any] = []
    body = model.get_submodule(model.base_model_prefix)
    body.register_forward_hook(lambda *_: passes.append(None))
    return passes


def fill_with_nan(model: PreTrainedModel) -> None:
    with torch.no_grad():
        for weights in model.parameters():
            weights.fill_(torch.nan)


@pytest.mark.parametrize("family", ["llama", "echo", "bert", "roberta", "mobilebert"])
def test_only_the_first_call_tests_the_model(family: str) -> None:
    model = tiny(family)
    family = "llama" if family == "echo" else family
    passes = count_passes(model)
    first = score(model, family)
    assert len(passes) > 1
    passes.clear()
    assert np.array_equal(score(model, family), first)
    assert len(passes) == 1


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_weights_that_are_not_a_number_do_not_change_what_was_found(family: str) -> None:
    model = tiny(family)
    score(model, family)
    assert can_split(model)
    has_head = linear_head(model) is not None
    fill_with_nan(model)
    assert can_split(model)
    assert (linear_head(model) is not None) == has_head
    assert np.isnan(score(model, family)).all()


TESTS: dict[str, Callable[[PreTrainedModel], bool]] = {
    "split": can_split,
    "linear head": lambda model: linear_head(model) is not None,
    "trees": lambda model: supports_tree_attention(model, 8),
    "padding": lambda model: supports_padding(model, "left"),
}


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
def test_nothing_is_found_while_weights_are_not_a_number(
    test: Callable[[PreTrainedModel], bool],
) -> None:
    model, other = tiny("llama"), tiny("llama")
    fill_with_nan(model)
    assert not test(model)
    model.load_state_dict(other.state_dict())
    assert test(model)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no space"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
    ids=["cuda", "mps", "cpu"],
)
def test_too_little_memory_says_nothing_about_a_model(error: Exception) -> None:
    model, errors = tiny("llama"), [error]

    def probe() -> bool:
        if errors:
            raise errors.pop()
        return True

    with pytest.raises(RuntimeError, match=str(error)[:8]):
        probe_once(model, "a test", probe)
    assert probe_once(model, "a test", probe)


def test_another_error_means_no() -> None:
    model, calls = tiny("llama"), []

    def probe() -> bool:
        calls.append(None)
        raise RuntimeError("not supported")

    assert not any(probe_once(model, "a test", probe) for _ in range(2))
    assert len(calls) == 1


def test_a_model_is_tested_again_with_an_adapter_or_as_another_class() -> None:
    model, calls = tiny("llama"), []

    def probe() -> bool:
        calls.append(None)
        return True

    def count() -> int:
        assert probe_once(model, "a test", probe)
        return len(calls)

    assert [count(), count()] == [1, 1]
    add_adapter(model, UnlearningConfig(lora_rank=2, use_cpu=True))
    assert [count(), count()] == [2, 2]
    merge_adapter(model)
    assert count() == 2
    original = type(model)
    model.__class__ = type("Sharded", (original,), {})  # as FSDP does
    assert [count(), count()] == [3, 3]
    model.to(torch.bfloat16)
    assert count() == 4


def test_an_adapter_in_the_head_is_not_left_out() -> None:
    from peft import LoraConfig, inject_adapter_in_model

    model = tiny("llama")
    assert linear_head(model) is not None
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["lm_head"]), model)
    assert linear_head(model) is None
    assert can_split(model)
    merge_adapter(model)
    assert linear_head(model) is not None


@pytest.mark.parametrize("family", ["llama", *MASKED])
def test_processes_with_shared_weights_test_at_every_call(family: str) -> None:
    model = tiny(family)
    passes = count_passes(model)
    assert can_split_now(model, model.device)
    tested = len(passes)
    assert tested > 0
    assert can_split_now(model, model.device)
    assert len(passes) == 2 * tested
