"""The default learning rate: in proportion to the weights, and known to the record."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.models.language_model import LanguageModel
from fairforget.training.learning_rate import (
    ADAPTER_RATE,
    RELATIVE_RATE,
    default_learning_rate,
)

from .models import CAUSAL, MASKED, tiny_model
from .test_trainer import trainer


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_rate_is_in_proportion_to_the_matrices(family: str) -> None:
    model = tiny_model(family).model
    left_out = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    left_out.append(model.get_output_embeddings().weight)
    known = {id(weight) for weight in left_out}
    values = [p.detach().flatten() for p in model.parameters() if p.ndim > 1 and id(p) not in known]
    size = float(torch.cat(values).pow(2).mean().sqrt())
    assert default_learning_rate(model) == pytest.approx(RELATIVE_RATE * size, rel=0.05)


@given(st.floats(1e-3, 1e3))
def test_rate_scales_with_the_weights(factor: float) -> None:
    model = tiny_model("llama").model
    before = default_learning_rate(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(factor)
    assert default_learning_rate(model) == pytest.approx(factor * before, rel=0.1)


def test_embeddings_norms_and_biases_do_not_count() -> None:
    model = tiny_model("gpt2").model
    before = default_learning_rate(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1 or "wte" in name or "wpe" in name:
                weight.mul_(100)
    assert default_learning_rate(model) == before


def test_rate_has_two_digits() -> None:
    rate = default_learning_rate(tiny_model("opt").model)
    assert rate == float(f"{rate:.1e}")
    assert 0 < rate < math.inf


def test_adapter_has_a_rate_of_its_own() -> None:
    assert default_learning_rate(tiny_model("llama").model, lora_rank=4) == ADAPTER_RATE


def test_trainer_sets_the_rate(tmp_path) -> None:
    model = tiny_model("llama").model
    expected = default_learning_rate(model)
    run = trainer(tmp_path, model, objective="ascent", learning_rate=None, max_steps=1)
    assert run.config.learning_rate == expected
    run.train()
    assert run.optimizer is not None
    assert run.optimizer.param_groups[0]["lr"] == pytest.approx(expected)
    assert trainer(tmp_path, model, objective="ascent").config.learning_rate == 1e-2


def test_rate_of_smollm2_is_the_one_chosen_on_it(smollm2: LanguageModel) -> None:
    assert default_learning_rate(smollm2.model) == 4e-5
