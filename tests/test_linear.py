"""Linear layers by way of oneDNN: the same numbers and gradients, and only where they are due."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from fairforget.forward import linear as fast
from fairforget.forward.linear import TERMS, fast_linear, linear

sizes = st.integers(1, 3 * TERMS)
needed = pytest.mark.skipif(not fast.is_available(), reason="no oneDNN with AVX-512 here")


@pytest.fixture(autouse=True)
def _anyones_processor(monkeypatch) -> None:
    """Use it wherever it is there, faster or not."""
    monkeypatch.setattr(fast, "is_faster", lambda: fast.is_available())


def values(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(rows=st.integers(1, 40), inputs=sizes, outputs=sizes, biased=st.booleans())
@settings(max_examples=30)
def test_the_same_as_in_double_precision(rows, inputs, outputs, biased) -> None:
    given = [values(2, rows, inputs), values(outputs, inputs, seed=1)]
    given += [values(outputs, seed=2)] if biased else []
    upstream = values(2, rows, outputs, seed=3)
    found, expected = [], []
    for results, dtype, function in (
        (found, torch.float32, linear),
        (expected, torch.float64, nn.functional.linear),
    ):
        parts = [part.detach().to(dtype).requires_grad_() for part in given]
        output = function(*parts)
        output.backward(upstream.to(dtype))
        results += [output.detach(), *(part.grad for part in parts)]
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


@needed
@pytest.mark.parametrize(
    "layer", [nn.Linear(300, 50), nn.Linear(300, 50, bias=False), Conv1D(50, 300)]
)
def test_layers_are_intercepted_and_frozen_weights_get_no_gradient(layer, monkeypatch) -> None:
    layer.weight.requires_grad_(False)
    x = values(2, 7, 300).requires_grad_()
    expected = layer(x)
    expected.sum().backward()
    gradient, x.grad = x.grad, None
    calls = []
    product = fast._product
    monkeypatch.setattr(fast, "_product", lambda *args: calls.append(1) or product(*args))
    with fast_linear():
        found = layer(x)
    found.sum().backward()
    assert len(calls) == 2  # the output, and the gradient of x
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(x.grad, gradient)
    assert layer.weight.grad is None


@needed
def test_its_result_may_be_written_into() -> None:
    x, weight = values(2, 7, 300).requires_grad_(), values(50, 300, seed=1).requires_grad_()
    with fast_linear():
        found = nn.functional.linear(x, weight)
    found += 1
    found.sum().backward()
    torch.testing.assert_close(x.grad, weight.sum(0).expand_as(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_types_are_left_alone(dtype, monkeypatch) -> None:
    monkeypatch.setattr(fast, "_product", None)
    with fast_linear():
        assert linear(values(3, 4).to(dtype), values(5, 4).to(dtype)).dtype == dtype


def test_autocast_and_empty_input_are_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(fast, "_product", None)
    with fast_linear():
        assert linear(values(0, 4), values(5, 4)).shape == (0, 5)
        with torch.autocast("cpu", torch.bfloat16):
            assert nn.functional.linear(values(3, 4), values(5, 4)).dtype == torch.bfloat16


def test_without_it_torch_does_it(monkeypatch) -> None:
    monkeypatch.setattr(fast, "is_available", lambda: False)
    monkeypatch.setattr(fast, "_product", None)
    x, weight = values(3, 4), values(5, 4)
    with fast_linear():
        assert torch.equal(nn.functional.linear(x, weight), x @ weight.T)


@needed
@pytest.mark.parametrize(("maker", "faster"), [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_intels_processors_are_left_to_intels_library(maker, faster, monkeypatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(fast.Path, "exists", lambda _: True)
    monkeypatch.setattr(fast.Path, "read_text", lambda _: f"vendor_id\t: {maker}\n")
    fast.is_faster.cache_clear()
    assert fast.is_faster() == faster
    fast.is_faster.cache_clear()
