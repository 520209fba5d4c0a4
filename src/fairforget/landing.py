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

    def look(alpha: float) -> _Point:
        ratios = {name: value / before[name] for name, value in measured(alpha).items()}
        left = {name: _nats(damages[name].allowed / ratio) for name, ratio in ratios.items()}
        return _Point(alpha, ratios, left)

    whole = {name: _nats(damage.allowed) for name, damage in damages.items()}
    tolerance = min(TOLERANCE, min(whole.values()) / 10)
    low, high = _Point(0.0, dict.fromkeys(before, 1.0), whole), None
    newest = at_one = look(1.0)
    while newest.slack >= 0:
        low = newest
        if newest.slack <= tolerance or newest.alpha >= reach:
            break
        newest = look(min(newest.alpha * STRIDE, reach))
    else:
        high = newest

    for attempt in range(MOST_TRIES):
        if high is None or low.slack <= tolerance:
            break
        alpha = _expected(low, high, whole, spare=tolerance / 2)
        if attempt % 3 == 2 or not low.alpha < alpha < high.alpha:
            alpha = (low.alpha + high.alpha) / 2
        newest = look(alpha)
        if newest.slack >= 0:
            low = newest
        else:
            high = newest
    _blend(model, original, trained, low.alpha)
    facts = {
        name: DamageFacts(
            damages[name].allowed, low.ratios[name], before[name], at_one.ratios[name]
        )
        for name in damages
    }
    main = facts.pop(MAIN)
    return BudgetFacts(
        main.asked,
        main.reached,
        main.before,
        main.trained,
        alpha=low.alpha,
        reach=reach,
        note=_note(low.alpha, low.slack > tolerance),
        others=facts,
    )


@dataclass(frozen=True, slots=True)
class _Point:
    """A model on the line, measured."""

    alpha: float
    ratios: dict[str, float]
    """Of each perplexity, to the original's."""
    left: dict[str, float]
    """Of each budget, in nats, negative where it is overdrawn; −∞ where the model is broken."""

    @property
    def slack(self) -> float:
        """What is left of the tightest."""
        return min(self.left.values())


def _expected(low: _Point, high: _Point, whole: Mapping[str, float], spare: float) -> float:
    """α where the first of the budgets has `spare` nats left, NaN where nothing can be said.

    In nats each damage grows about as aα + bα², which two points determine, and as α^1.5 where
    the original is one of them.
    """
    found = math.inf
    for name, budget in whole.items():
        goal = budget - spare
        one, two = budget - low.left[name], budget - high.left[name]
        if not math.isfinite(two):
            return math.nan
        if low.alpha == 0:
            root = high.alpha * (goal / two) ** (2 / 3) if two > 0 else math.inf
        else:
            slope, steep = one / low.alpha, two / high.alpha
            square = (steep - slope) / (high.alpha - low.alpha)
            linear = slope - square * low.alpha
            inner = linear**2 + 4 * square * goal
            below = linear + math.sqrt(inner) if inner >= 0 else 0.0
            root = 2 * goal / below if below > 0 else math.inf
        found = min(found, root)
    return found


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
