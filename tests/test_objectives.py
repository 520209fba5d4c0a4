"""The objectives as mathematics."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.objectives import OBJECTIVES, RETENTIONS


def log_probs(n: int, vocabulary: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, vocabulary, generator=generator).log_softmax(-1)


@given(st.integers(0, 10_000))
def test_ascent_is_the_log_likelihood_and_nll_its_opposite(seed: int) -> None:
    mine, targets = log_probs(5, 7, seed), torch.arange(5)
    loss = OBJECTIVES["ascent"].loss(mine, targets, None)
    assert torch.equal(loss, mine[torch.arange(5), targets])
    assert torch.equal(RETENTIONS["nll"].loss(mine, targets, None), -loss)


@given(st.integers(0, 10_000))
def test_neutral_is_a_divergence(seed: int) -> None:
    mine, reference = log_probs(5, 7, seed), log_probs(5, 7, seed + 1)
    targets = torch.zeros(5, dtype=torch.long)
    assert (OBJECTIVES["neutral"].loss(mine, targets, reference) > 0).all()
    at_floor = OBJECTIVES["neutral"].loss(reference, targets, reference)
    assert torch.allclose(at_floor, torch.zeros(5), atol=1e-6)


def test_neutral_has_no_gradient_at_its_floor() -> None:
    logits = torch.randn(3, 7, requires_grad=True)
    mine = logits.log_softmax(-1)
    targets = torch.zeros(3, dtype=torch.long)
    OBJECTIVES["neutral"].loss(mine, targets, mine.detach()).sum().backward()
    assert logits.grad.abs().max() < 1e-6


@pytest.mark.parametrize("objective", [*OBJECTIVES.values(), *RETENTIONS.values()])
def test_one_loss_per_target_and_a_paper_for_each(objective) -> None:
    mine, reference = log_probs(4, 9, 0), log_probs(4, 9, 1)
    assert objective.loss(mine, torch.arange(4), reference).shape == (4,)
    assert objective.paper
