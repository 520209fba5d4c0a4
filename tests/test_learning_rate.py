"""The default learning rate: in proportion to the weights, and known to the record."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.training.config import UnlearningConfig
from fairforget.training.learning_rate import (
    ADAPTER_RATE,
    RELATIVE_RATE,
    default_learning_rate,
    resolve_learning_rate,
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
    assert default_learning_rate(tiny_model("llama").model, adapter=True) == ADAPTER_RATE


@pytest.mark.parametrize("weights", ["zero", "nan", "missing"])
def test_weights_without_a_rate_are_refused(weights: str, tmp_path: Path) -> None:
    model = tiny_model("llama").model
    if weights == "missing":
        model.model.layers = torch.nn.ModuleList()
    else:
        with torch.no_grad():
            for weight in model.model.layers.parameters():
                weight.fill_(0.0 if weights == "zero" else math.nan)
    with pytest.raises(InputError, match="missing, zero or not finite; check the model, or set"):
        default_learning_rate(model)
    with pytest.raises(InputError, match="the default learning rate follows from"):
        trainer(tmp_path, model, objective="ascent", learning_rate=None)


def test_matrices_are_not_any_parameter_with_two_dimensions() -> None:
    model = tiny_model("llama").model
    before = default_learning_rate(model)
    for layer in model.model.layers:  # as the biases of experts, or the states of Mamba
        layer.register_parameter("A_log", torch.nn.Parameter(torch.full((8, 8), 100.0)))
    assert default_learning_rate(model) == before


def test_one_configuration_serves_two_models(tmp_path: Path) -> None:
    small, large = tiny_model("llama").model, tiny_model("llama").model
    with torch.no_grad():
        for weight in large.parameters():
            weight.mul_(10)
    config = UnlearningConfig(output_dir=str(tmp_path), objective="ascent", use_cpu=True)
    rates = [resolve_learning_rate(config, model).learning_rate for model in (small, large)]
    assert rates[1] == pytest.approx(10 * rates[0], rel=0.1)
    assert config.learning_rate is None
    given = UnlearningConfig(
        output_dir=str(tmp_path), objective="ascent", use_cpu=True, learning_rate=1e-3
    )
    assert resolve_learning_rate(given, small) is given


def test_trainer_sets_the_rate(tmp_path: Path) -> None:
    model = tiny_model("llama").model
    expected = default_learning_rate(model)
    run = trainer(tmp_path, model, objective="ascent", learning_rate=None, max_steps=1)
    assert run.config.learning_rate == expected
    run.train()
    assert run.optimizer is not None
    assert run.optimizer.param_groups[0]["lr"] == pytest.approx(expected)
    assert trainer(tmp_path, model, objective="ascent").config.learning_rate == 1e-2


def test_rate_of_smollm2_is_the_one_chosen_on_it(smollm2: LanguageModel) -> None:
    assert default_learning_rate(smollm2.model) == 2e-5
