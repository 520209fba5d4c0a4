"""Land on the budget: the model on the line from original to trained that costs what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.budget import Budget
from fairforget.errors import InputError
from fairforget.records import BudgetFacts
from fairforget.scoring.causal import token_log_probs

TOLERANCE = 0.002
"""The landing may stay below the budget by this share of the perplexity."""
MOST_TRIES = 12


def perplexity(model: PreTrainedModel, sequences: Sequence[Sequence[int]]) -> float:
    """Exp of the mean negative log-likelihood over all tokens but each sequence's first."""
    log_probs = token_log_probs(model, sequences)
    total = sum(float(values.sum(dtype="float64")) for values in log_probs)
    return math.exp(-total / sum(map(len, log_probs)))


def land(
    model: PreTrainedModel,
    original: dict[str, Tensor],
    measure: Callable[[], float],
    budget: Budget,
    progress: Callable[[], None] = lambda: None,
) -> BudgetFacts:
    """Put the model where it meets the budget, on the line θ₀ + α(θ − θ₀), 0 ≤ α ≤ 1.

    Args:
        model: with the trained weights θ; left with the chosen ones.
        original: the weights θ₀, by the names of `model.named_parameters()`.
        measure: the held-out perplexity of the model as it is now.
        budget: what is allowed.
        progress: called after each measurement.

    Returns:
        What was asked and reached. At α = 1 the trained weights are untouched, at α = 0 the
        original ones are back bit for bit.
    """
    trained = {n: p.detach().clone() for n, p in model.named_parameters() if n in original}

    def ratio_at(alpha: float) -> float:
        _blend(model, original, trained, alpha)
        value = measure()
        progress()
        return value / before if math.isfinite(value) else math.inf

    before = 1.0
    before = ratio_at(0.0)
    if not math.isfinite(before):
        raise InputError("the original model's perplexity on the held-out text is not finite")
    at_one = ratio_at(1.0)
    if at_one <= budget.perplexity:
        note = "" if at_one > budget.perplexity - TOLERANCE else "not used up"
        return BudgetFacts(budget.perplexity, at_one, 1.0, before, at_one, note)

    low, low_ratio, high, high_ratio = 0.0, 1.0, 1.0, at_one
    for attempt in range(MOST_TRIES):
        if budget.perplexity - low_ratio <= TOLERANCE:
            break
        # Damage grows about as α²; every third step halves, so that the bracket always shrinks.
        share = (budget.perplexity - TOLERANCE / 2 - low_ratio) / (high_ratio - low_ratio)
        if attempt % 3 == 2 or not math.isfinite(share):
            alpha = (low + high) / 2
        else:
            alpha = math.sqrt(low**2 + max(share, 0.0) * (high**2 - low**2))
        ratio = ratio_at(alpha)
        if ratio <= budget.perplexity:
            low, low_ratio = alpha, ratio
        else:
            high, high_ratio = alpha, ratio
    _blend(model, original, trained, low)
    note = "" if budget.perplexity - low_ratio <= TOLERANCE else "not used up"
    return BudgetFacts(budget.perplexity, low_ratio, low, before, at_one, note)


@torch.no_grad()
def _blend(
    model: PreTrainedModel, original: dict[str, Tensor], trained: dict[str, Tensor], alpha: float
) -> None:
    for name, parameter in model.named_parameters():
        if name not in original:
            continue
        if alpha in (0.0, 1.0):  # exact, bit for bit
            parameter.copy_(original[name] if alpha == 0.0 else trained[name])
        else:
            parameter.copy_(torch.lerp(original[name], trained[name], alpha))
