"""Land on the budget: the model on the line through original and trained weights that fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.records import BudgetFacts, DamageFacts

TOLERANCE = 0.002
"""The landing may stay below the budget by this ratio, or by a tenth of a tighter budget."""
MAIN = "perplexity"
"""The damage that must be among those measured: on held-out retain text."""
MOST_TRIES = 12
STRIDE = 1.5
"""Factor by which α grows while the budget is not used up."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to measure harm to language modelling, and how much of it is allowed."""

    perplexity: Callable[[], float]
    """Of the model as it is now."""
    allowed: float
    """After ÷ before."""


def land(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    damages: Mapping[str, Damage],
    *,
    reach: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> BudgetFacts:
    """Put the model where the first of the damages meets its budget, on θ₀ + α(θ − θ₀).

    Args:
        model: with the trained weights θ; left with the chosen ones.
        original: the weights θ₀, by the names of `model.named_parameters()`; parameters without
            one keep their trained value.
        damages: how harm is measured, by name; `perplexity` is one.
        reach: the largest α tried. Beyond 1 only where no budget is used up at 1.
        progress: called after each measurement.

    Returns:
        What was asked and reached. At α = 1 the trained weights are untouched, at α = 0 the
        original ones are back bit for bit.

    Raises:
        InputError: a damage of the original model is not finite.
    """
    trained = {n: p.detach().clone() for n, p in model.named_parameters() if n in original}

    def measured(alpha: float) -> dict[str, float]:
        _blend(model, original, trained, alpha)
        values = {name: damage.perplexity() for name, damage in damages.items()}
        progress()
        return values

    before = measured(0.0)
    if bad := [name for name, value in before.items() if not math.isfinite(value)]:
        raise InputError(f"the original model's perplexity on the {bad[0]} text is not finite")

    def slack_at(alpha: float) -> tuple[float, dict[str, float]]:
        """Nats left of the tightest budget, negative where it is overdrawn; the ratios.

        In nats, for perplexity soars where a model breaks: its logarithm can be interpolated.
        """
        ratios = {name: value / before[name] for name, value in measured(alpha).items()}
        left = min(_nats(damages[name].allowed / ratio) for name, ratio in ratios.items())
        return left, ratios

    start = min(_nats(damage.allowed) for damage in damages.values())
    tolerance = min(TOLERANCE, start / 10)
    low, low_slack, low_ratios = 0.0, start, dict.fromkeys(before, 1.0)
    high, high_slack = 1.0, -math.inf
    slack, at_one = slack_at(1.0)
    if slack < 0:
        high_slack = slack
    else:
        low, low_slack, low_ratios = 1.0, slack, at_one
        high = math.inf
        while slack > tolerance and low < reach:
            alpha = min(low * STRIDE, reach)
            slack, ratios = slack_at(alpha)
            if slack < 0:
                high, high_slack = alpha, slack
                break
            low, low_slack, low_ratios = alpha, slack, ratios

    for attempt in range(MOST_TRIES):
        if low_slack <= tolerance or math.isinf(high):
            break
        # Damage grows about as α²; every third step halves, so that the bracket always shrinks.
        share = (low_slack - tolerance / 2) / (low_slack - high_slack)
        if attempt % 3 == 2 or math.isinf(high_slack):
            alpha = (low + high) / 2
        else:
            alpha = math.sqrt(low**2 + max(share, 0.0) * (high**2 - low**2))
        slack, ratios = slack_at(alpha)
        if slack >= 0:
            low, low_slack, low_ratios = alpha, slack, ratios
        else:
            high, high_slack = alpha, slack
    _blend(model, original, trained, low)
    facts = {
        name: DamageFacts(damages[name].allowed, low_ratios[name], before[name], at_one[name])
        for name in damages
    }
    main = facts.pop(MAIN)
    return BudgetFacts(
        main.asked,
        main.reached,
        main.before,
        main.trained,
        alpha=low,
        reach=reach,
        note=_note(low, low_slack > tolerance),
        others=facts,
    )


def _nats(ratio: float) -> float:
    """Its logarithm; −∞ where the perplexity behind it is not finite."""
    return math.log(ratio) if ratio > 0 else -math.inf


def _note(alpha: float, left_over: bool) -> str:
    if alpha == 0:
        return "nothing was unlearned: no part of the change fits the budget"
    return "not used up" if left_over else ""


@torch.no_grad()
def mirror(model: PreTrainedModel, original: Mapping[str, Tensor]) -> None:
    """Turn θ into θ₀ − (θ − θ₀): as far from the original, the other way."""
    for name, parameter in model.named_parameters():
        if name in original:
            parameter.copy_(2 * original[name] - parameter)


@torch.no_grad()
def _blend(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    alpha: float,
) -> None:
    for name, parameter in model.named_parameters():
        if name not in original:
            continue
        if alpha in (0.0, 1.0):  # exact, bit for bit
            parameter.copy_(original[name] if alpha == 0.0 else trained[name])
        else:
            parameter.copy_(torch.lerp(original[name], trained[name], alpha))
