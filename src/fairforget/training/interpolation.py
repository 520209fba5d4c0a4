"""Land on the budget: the model on the line through original and trained weights that fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.records.records import BudgetFacts, UtilityFacts

TOLERANCE = 0.002
"""The landing may stay below the budget by this ratio, or by a tenth of a tighter budget; below one
of exactly 1, by a tenth of this ratio."""
MAIN, EVERYDAY_PERPLEXITY = "perplexity", "everyday_perplexity"
"""The damage that must be among those measured: on held-out retain text."""
NOT_USED_UP = "not used up"
"""What a record notes where something of every budget is left."""
NOTED = "; "
"""Between what is noted."""
MOST_TRIES = 12
INNER_TRIES = 4
"""How often α is halved to find a part of the change that does no damage at all."""
GROWTH = 1.5
"""Damage in nats grows about as this power of α, where nothing better is known."""
STRIDE = 1.5
"""Factor by which α grows at most while the budget is not used up."""


@dataclass(frozen=True, slots=True)
class PerplexityConstraint:
    """One way to measure harm to language modelling, and how much of it is allowed."""

    perplexity: Callable[[], float]
    """Of the model as it is now."""
    allowed: float
    """After ÷ before."""


def interpolate_to_budget(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    damages: Mapping[str, PerplexityConstraint],
    *,
    rough: Mapping[str, PerplexityConstraint] | None = None,
    before: Mapping[str, float] | None = None,
    max_alpha: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> BudgetFacts:
    """Put the model where the first of the damages meets its budget, on θ₀ + α(θ − θ₀).

    Args:
        model: with the trained weights θ; left with the chosen ones.
        original: the weights θ₀, by the names of `model.named_parameters()`; parameters without
            one keep their trained value. They may lie on another device, and then the trained
            weights are kept there, too.
        damages: how harm is measured, by name; `perplexity` is one.
        rough: the same, on a few of the texts: tells cheaply where to look first.
        before: the perplexities of the original, where they are known already.
        max_alpha: the largest α tried. Beyond 1 only where no budget is used up at 1.
        progress: called after each measurement of `damages`.

    Returns:
        What was asked and reached. At α = 1 the trained weights are untouched, at α = 0 the
        original ones are back bit for bit.

    Raises:
        InputError: a damage of the original model is not finite.
    """
    trained = _copy_weights(original, model)

    def line(
        measures: Mapping[str, PerplexityConstraint],
        looked: Callable[[], None],
        before: Mapping[str, float] | None = None,
    ) -> _Line:
        def perplexities(alpha: float) -> dict[str, float]:
            lerp_weights(model, original, trained, alpha)
            values = {name: damage.perplexity() for name, damage in measures.items()}
            looked()
            return values

        allowed = {name: damage.allowed for name, damage in measures.items()}
        return _Line(perplexities, allowed, max_alpha, before)

    whole = line(damages, progress, before)
    guide = whole if rough is None else line(rough, lambda: None)
    trained_roughly = guide.look(1.0)
    low = guide.search()
    if guide is not whole:
        whole.growth = guide.growth_found()
        whole.look(low.alpha or 1.0)
        low = whole.search()
    lerp_weights(model, original, trained, low.alpha)
    at_one = next((point for point in whole.points if point.alpha == 1), trained_roughly)
    facts = {
        name: UtilityFacts(damages[name].allowed, low.ratios[name], before, at_one.ratios[name])
        for name, before in whole.before.items()
    }
    main = facts.pop(MAIN)
    return BudgetFacts(
        main.asked,
        main.reached,
        main.before,
        main.trained,
        alpha=low.alpha,
        max_alpha=max_alpha,
        note=_note(low.alpha, whole.is_left(low)),
        others=facts,
    )


def measure_after_rounding(
    facts: BudgetFacts, damages: Mapping[str, PerplexityConstraint]
) -> BudgetFacts:
    """The same budget, measured anew on a model whose weights were rounded after the landing.

    An adapter that is merged into weights of bfloat16 is rounded to these.
    """
    known = {MAIN: facts, **facts.others}
    reached = {n: damage.perplexity() / known[n].before for n, damage in damages.items()}
    over = [name for name, damage in damages.items() if reached[name] > damage.allowed]
    note = f"rounding at the end overdrew the budget: {', '.join(over)}" if over else ""
    return replace(
        facts,
        reached=reached[MAIN],
        note=NOTED.join(filter(None, (facts.note, note))),
        others={n: replace(other, reached=reached[n]) for n, other in facts.others.items()},
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


ALPHA = attrgetter("alpha")


class _Line:
    """The line from the original weights through the trained ones, as far as it was looked at."""

    def __init__(
        self,
        perplexities: Callable[[float], dict[str, float]],
        allowed: Mapping[str, float],
        max_alpha: float,
        before: Mapping[str, float] | None,
    ) -> None:
        """Look at the original, unless its perplexities are known.

        Raises:
            InputError: a perplexity of the original model is not finite.
        """
        self.perplexities, self.allowed, self.max_alpha = perplexities, allowed, max_alpha
        self.budgets = {name: _nats(ratio) for name, ratio in allowed.items()}
        tightest = min(self.budgets.values())
        self.exact = tightest == 0
        """Whether no damage is allowed: some changes improve a perplexity before they hurt it."""
        self.tolerance = TOLERANCE / 10 if self.exact else min(TOLERANCE, tightest / 10)
        """Nats of the tightest budget that may be left."""
        self.before = dict(before) if before else perplexities(0.0)
        if bad := [name for name, value in self.before.items() if not math.isfinite(value)]:
            raise InputError(f"the original model's perplexity on the {bad[0]} text is not finite")
        original = _Point(0.0, dict.fromkeys(allowed, 1.0), self.budgets)
        self.points = [original]
        self.growth = GROWTH
        """Damage grows about as α to this power."""

    def look(self, alpha: float) -> _Point:
        """Measure the model there, unless that was done."""
        for point in self.points:
            if point.alpha == alpha:
                return point
        ratios = {n: value / self.before[n] for n, value in self.perplexities(alpha).items()}
        left = {name: _nats(self.allowed[name] / ratio) for name, ratio in ratios.items()}
        self.points.append(_Point(alpha, ratios, left))
        return self.points[-1]

    def search(self) -> _Point:
        """The point that fits the budgets and uses the tightest up.

        Where there is none, or it is not found, the one furthest out before any that does not fit.
        """
        for attempt in range(MOST_TRIES):
            low, high = self.bracket()
            if self.exact and low.alpha == 0 and high is not None:
                if attempt == INNER_TRIES:
                    break
                self.look(high.alpha / 2)
                continue
            if not self.is_left(low) or (high is None and low.alpha >= self.max_alpha):
                break
            if high is not None and low.alpha > 0:
                alpha = _between(low, high, self.budgets, spare=self.tolerance / 2)
            else:  # beside the original, one point is known
                known = low if high is None else high
                share = _share(known, self.budgets, spare=self.tolerance / 2)
                alpha = known.alpha * share ** (1 / self.growth)
            if high is None:
                alpha = min(alpha, low.alpha * STRIDE, self.max_alpha)
            elif attempt % 3 == 2 or not low.alpha < alpha < high.alpha:
                alpha = (low.alpha + high.alpha) / 2
            self.look(alpha)
        return self.bracket()[0]

    def growth_found(self) -> float:
        """The power of α with which the tightest damage grew between the points around it."""
        low, high = self.bracket()
        inner = [point for point in self.points if 0 < point.alpha < low.alpha]
        one, two = (low, high) if high else (max(inner, key=ALPHA, default=low), low)
        if not 0 < one.alpha < two.alpha:
            return GROWTH
        name = min(two.left, key=two.left.__getitem__)
        spent = [self.budgets[name] - point.left[name] for point in (one, two)]
        if min(spent) <= 0 or math.isinf(max(spent)):
            return GROWTH
        found = math.log(spent[1] / spent[0]) / math.log(two.alpha / one.alpha)
        return min(max(found, 1 / 2), 3.0)

    def bracket(self) -> tuple[_Point, _Point | None]:
        """The last point that fits, and the first that does not."""
        ordered = sorted(self.points, key=ALPHA)
        for low, high in pairwise(ordered):
            if high.slack < 0:
                return low, high
        return ordered[-1], None

    def is_left(self, point: _Point) -> bool:
        """Whether more of every budget is left there than a landing may leave."""
        return point.slack > self.tolerance


def _share(point: _Point, budgets: Mapping[str, float], spare: float) -> float:
    """How many times the damage of the point the first of the budgets allows, less what is spared.

    0 where the model is broken there, infinite where nothing was spent.
    """
    return min(
        (budget - spare) / spent if (spent := budget - point.left[name]) > 0 else math.inf
        for name, budget in budgets.items()
    )


def _between(low: _Point, high: _Point, budgets: Mapping[str, float], spare: float) -> float:
    """α where the first of the budgets has `spare` nats left, NaN where nothing can be said.

    In nats each damage is about aα + bα², which two points determine.
    """
    found = math.inf
    for name, budget in budgets.items():
        if math.isinf(budget):
            continue
        one, two = budget - low.left[name], budget - high.left[name]
        if not math.isfinite(two):
            return math.nan
        slope, steep = one / low.alpha, two / high.alpha
        square = (steep - slope) / (high.alpha - low.alpha)
        linear = slope - square * low.alpha
        inner = linear**2 + 4 * square * (budget - spare)
        below = linear + math.sqrt(inner) if inner >= 0 else 0.0
        found = min(found, 2 * (budget - spare) / below if below > 0 else math.inf)
    return found


def original_perplexities(budget: BudgetFacts) -> dict[str, float]:
    """What `land` may be told of the original by an earlier landing on the same texts."""
    return {MAIN: budget.before} | {name: facts.before for name, facts in budget.others.items()}


def _nats(ratio: float) -> float:
    """Its logarithm; −∞ where the perplexity behind it is not finite."""
    return math.log(ratio) if ratio > 0 else -math.inf


def _note(alpha: float, left_over: bool) -> str:
    if alpha == 0:
        return "nothing was unlearned: no part of the change was found that fits the budget"
    return NOT_USED_UP if left_over else ""


@torch.no_grad()
def negate_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> None:
    """Turn θ into θ₀ − (θ − θ₀): as far from the original, the other way."""
    for name, parameter in model.named_parameters():
        if name in original:
            parameter.copy_(2 * original[name].to(parameter.device) - parameter)


@contextmanager
def negated_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> Iterator[None]:
    """For a while, the model is mirrored; then it is as it was, bit for bit.

    Meanwhile the weights as they were are kept, too.
    """
    trained = _copy_weights(original, model)
    negate_update(model, original)
    try:
        yield
    finally:
        lerp_weights(model, original, trained, 1.0)


def _copy_weights(original: Mapping[str, Tensor], model: PreTrainedModel) -> dict[str, Tensor]:
    """The model's weights as they are now, copied to where the original ones lie."""
    return {
        n: p.detach().to(original[n].device, copy=True)
        for n, p in model.named_parameters()
        if n in original
    }


@torch.no_grad()
def lerp_weights(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    alpha: float,
) -> None:
    """Put the model at θ₀ + α(θ − θ₀); parameters without an original stay as they are."""
    for name, parameter in model.named_parameters():
        if name not in original:
            continue
        if alpha in (0.0, 1.0):  # exact, bit for bit
            parameter.copy_(original[name] if alpha == 0.0 else trained[name])
        else:
            parameter.copy_(torch.lerp(original[name], trained[name], alpha))
