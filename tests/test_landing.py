"""Landing on the budget: equal damage, and the original back bit for bit at α = 0."""

from __future__ import annotations

import math

import pytest
import torch

from fairforget.budget import Budget
from fairforget.errors import InputError
from fairforget.landing import TOLERANCE, land, perplexity

from .models import tiny_causal

SEQUENCES = [[1, 5, 9, 13, 17, 21], [1, 6, 11, 16], [1, 2, 3, 4, 5, 6, 7, 8]]


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def moved(model: torch.nn.Module, scale: float) -> dict[str, torch.Tensor]:
    """Push the model's likelihood of SEQUENCES down; returns the original weights."""
    original = weights(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p), alpha=scale)
    return original


@pytest.mark.parametrize("scale", [0.05, 0.3, 3.0])
@pytest.mark.parametrize("asked", [1.02, 1.3])
def test_lands_inside_the_budget(scale: float, asked: float) -> None:
    model = tiny_causal("gpt2")
    original = moved(model, scale)

    facts = land(model, original, lambda: perplexity(model, SEQUENCES), Budget(asked))

    assert facts.reached <= asked
    reached = perplexity(model, SEQUENCES) / facts.before
    assert reached == pytest.approx(facts.reached, rel=1e-5)
    if facts.trained > asked:
        assert facts.reached >= asked - 2 * TOLERANCE or facts.note == "not used up"
        assert facts.note == "" or facts.reached < asked - TOLERANCE
    else:
        assert facts.alpha == 1


def test_no_allowance_gives_the_original_back_bit_for_bit() -> None:
    model = tiny_causal("llama")
    original = moved(model, 0.5)

    values = iter([10.0] + [11.0] * 50)
    facts = land(model, original, lambda: next(values), Budget(1.0))

    assert facts.alpha == 0
    for name, p in model.named_parameters():
        assert torch.equal(p, original[name])


def test_damage_that_is_not_finite_is_over_the_budget() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.1)
    values = iter([10.0, math.nan] + [math.inf] * 50)
    facts = land(model, original, lambda: next(values), Budget(1.5))
    assert facts.alpha == 0


def test_budget_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Budget(0.99)
