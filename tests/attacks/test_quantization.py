"""Weights are rounded as in an exported file, and restored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fairforget.attacks.quantization import TYPES, quantized
from fairforget.models.gguf_export.export import export
from fairforget.models.loading import load_model

from ..models import copy_weights, save_tiny, tiny_model

pytest.importorskip("gguf")


@pytest.mark.parametrize("type", ["q8_0", "q4_0"])
def test_the_weights_are_those_of_an_exported_file(tmp_path: Path, type: str) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    file = export(directory, tmp_path / "model.gguf", type=type)
    language_model = load_model(directory, dtype="float32", device="cpu")
    exported = copy_weights(load_model(file, dtype="float32", device="cpu").model)
    with quantized(language_model, type):
        rounded = copy_weights(language_model.model)
    assert rounded.keys() == exported.keys()
    for name, weights in rounded.items():
        torch.testing.assert_close(weights, exported[name], rtol=0, atol=1e-7)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "gpt_neox"])
@pytest.mark.parametrize("type", TYPES)
def test_matrices_are_rounded_and_restored(family: str, type: str) -> None:
    model = tiny_model(family).model
    before = copy_weights(model)
    with quantized(tiny := tiny_model(family), type):
        inside = copy_weights(tiny.model)
    assert all(torch.equal(before[name], weights) for name, weights in copy_weights(model).items())
    assert all(torch.equal(before[name], w) for name, w in copy_weights(tiny.model).items())
    for name, weights in before.items():
        if weights.ndim == 1:
            assert torch.equal(inside[name], weights)
        else:
            step = weights.abs().max() / (127 if type == "q8_0" else 7)
            assert (inside[name] - weights).abs().max() <= 1.1 * step
    changed = [name for name, weights in before.items() if not torch.equal(weights, inside[name])]
    assert len(changed) > 1


def test_the_weights_of_gpt2_are_rounded_along_its_inputs() -> None:
    """Its matrices are stored transposed; a block must not mix the weights of several outputs."""
    language_model = tiny_model("gpt2")
    weights = language_model.model.transformer.h[0].mlp.c_fc.weight  # [inputs, outputs]
    with torch.no_grad():
        weights.mul_(torch.logspace(-2, 2, weights.shape[1]))
        before = weights.clone()
    with quantized(language_model, "q8_0"):
        error = (weights - before).abs() / before.abs().amax(dim=0)
    assert error.max() < 0.01


def test_an_error_restores_the_weights() -> None:
    language_model = tiny_model("llama")
    before = copy_weights(language_model.model)
    with pytest.raises(KeyboardInterrupt), quantized(language_model, "q4_0"):
        raise KeyboardInterrupt
    after = copy_weights(language_model.model)
    assert all(torch.equal(before[name], weights) for name, weights in after.items())
