"""Line search for the largest step α whose rise in perplexity stays within every budget.

Perplexities are functions of α. Budgets and losses are compared as log-ratios, in nats. Nothing
here depends on models or weights; `interpolation` supplies the functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from fairforget.errors import InputError

TOLERANCE = 0.002
"""Nats of the tightest budget that may stay unused; a tenth of the budget if that is less. For a
budget of exactly 1, a tenth of this value."""
MAX_ITERATIONS = 12
MAX_HALVINGS = 4
"""With a budget of exactly 1: how often α is halved to find a step without any utility loss."""
DEFAULT_EXPONENT = 1.5
"""Utility loss in nats grows about as α to this power, unless the points tell otherwise."""
EXPONENTS = (0.5, 3.0)
"""Smallest and largest exponent that is taken from the points."""
MAX_GROWTH = 1.5
"""Largest factor between two values of α while every budget has slack."""


@dataclass(frozen=True, slots=True)
class Point:
    """The measurements at one α."""

    alpha: float
    ratios: dict[str, float]
    """Each perplexity, divided by the perplexity at α = 0."""
    slacks: dict[str, float]
    """What is left of each budget, in nats: negative beyond the budget, −∞ for a perplexity that is
    not finite."""

    @property
    def slack(self) -> float:
        """The slack of the tightest budget, in nats."""
        return min(self.slacks.values())


ALPHA = attrgetter("alpha")


class LineSearch:
    """Searches 0 ≤ α ≤ `max_alpha`, and remembers every point that it has measured."""

    def __init__(
        self,
        perplexities: Callable[[float], dict[str, float]],
        allowed: Mapping[str, float],
        max_alpha: float,
    ) -> None:
        """Measure the perplexities at α = 0.

        Args:
            perplexities: maps α to perplexities, by constraint name.
            allowed: the largest ratio of each perplexity to its value at α = 0.
            max_alpha: the largest α to try.

        Raises:
            InputError: a perplexity at α = 0 is not finite.
        """
        self.perplexities, self.allowed, self.max_alpha = perplexities, allowed, max_alpha
        self.budgets = {name: _log(ratio) for name, ratio in allowed.items()}
        tightest = min(self.budgets.values())
        self.exact = tightest == 0
        """Whether no utility loss is allowed. Some updates first improve a perplexity."""
        self.tolerance = TOLERANCE / 10 if self.exact else min(TOLERANCE, tightest / 10)
        """Nats of the tightest budget that may stay unused."""
        self.before = perplexities(0.0)
        if bad := [name for name, value in self.before.items() if not math.isfinite(value)]:
            raise InputError(
                f"the original model's {bad[0]} is not finite; check its weights and dtype"
            )
        self.points = [Point(0.0, dict.fromkeys(allowed, 1.0), self.budgets)]
        self.exponent = DEFAULT_EXPONENT
        """The utility loss grows about as α to this power."""

    def loosen(self, share: float) -> None:
        """Allow a share of the tightest budget to stay unused, unless it is a budget of 1."""
        self.tolerance = max(self.tolerance, share * min(self.budgets.values()))

    def evaluate(self, alpha: float) -> Point:
        """Return the point at `alpha`; measure it if it is new."""
        for point in self.points:
            if point.alpha == alpha:
                return point
        ratios = {n: value / self.before[n] for n, value in self.perplexities(alpha).items()}
        slacks = {name: _log(self.allowed[name] / ratio) for name, ratio in ratios.items()}
        self.points.append(Point(alpha, ratios, slacks))
        return self.points[-1]

    def search(self) -> Point:
        """Return the point within every budget that uses up the tightest one.

        If the search finds none, return the last point before the first one beyond a budget.
        """
        for iteration in range(MAX_ITERATIONS):
            low, high = self.bracket()
            if self.exact and low.alpha == 0 and high is not None:
                if iteration == MAX_HALVINGS:
                    break
                self.evaluate(high.alpha / 2)
                continue
            if not self.has_slack(low) or (high is None and low.alpha >= self.max_alpha):
                break
            alpha = self.propose()
            if high and (iteration % 3 == 2 or not low.alpha < alpha < high.alpha):
                alpha = (low.alpha + high.alpha) / 2
            self.evaluate(alpha)
        return self.bracket()[0]

    def propose(self) -> float:
        """Return about where the tightest budget is used up, from the points so far; may be NaN."""
        low, high = self.bracket()
        if high is not None and low.alpha > 0:
            return _interpolate(low, high, self.budgets, reserve=self.tolerance / 2)
        known = high or low  # only one point besides α = 0
        factor = _scale_to_budget(known, self.budgets, reserve=self.tolerance / 2)
        alpha = float(known.alpha * factor ** (1 / self.exponent))
        return alpha if high else min(alpha, low.alpha * MAX_GROWTH, self.max_alpha)

    def estimate_exponent(self) -> float:
        """Estimate the exponent of the tightest budget's loss from the points around it."""
        low, high = self.bracket()
        inner = [point for point in self.points if 0 < point.alpha < low.alpha]
        first, second = (low, high) if high else (max(inner, key=ALPHA, default=low), low)
        if not 0 < first.alpha < second.alpha:
            return DEFAULT_EXPONENT
        name = min(second.slacks, key=second.slacks.__getitem__)
        spent = [self.budgets[name] - point.slacks[name] for point in (first, second)]
        if min(spent) <= 0 or math.isinf(max(spent)):
            return DEFAULT_EXPONENT
        exponent = math.log(spent[1] / spent[0]) / math.log(second.alpha / first.alpha)
        return min(max(exponent, EXPONENTS[0]), EXPONENTS[1])

    def bracket(self) -> tuple[Point, Point | None]:
        """Return the last point within every budget, and the first point beyond one, if any."""
        ordered = sorted(self.points, key=ALPHA)
        for low, high in pairwise(ordered):
            if high.slack < 0:
                return low, high
        return ordered[-1], None

    def has_slack(self, point: Point) -> bool:
        """Whether every budget has more slack at this point than the tolerance."""
        return point.slack > self.tolerance


def _scale_to_budget(point: Point, budgets: Mapping[str, float], reserve: float) -> float:
    """Return the factor by which the point's losses may grow until one has `reserve` nats left.

    0 if the model is broken at the point, infinite if nothing was spent.
    """
    return min(
        (budget - reserve) / spent if (spent := budget - point.slacks[name]) > 0 else math.inf
        for name, budget in budgets.items()
    )


def _interpolate(low: Point, high: Point, budgets: Mapping[str, float], reserve: float) -> float:
    """Return the α at which the first budget has `reserve` nats left; NaN if unknown.

    Each loss, in nats, is modelled as aα + bα², which two points determine.
    """
    alpha = math.inf
    for name, budget in budgets.items():
        if math.isinf(budget):
            continue
        spent_low, spent_high = budget - low.slacks[name], budget - high.slacks[name]
        if not math.isfinite(spent_high):
            return math.nan
        slope_low, slope_high = spent_low / low.alpha, spent_high / high.alpha
        quadratic = (slope_high - slope_low) / (high.alpha - low.alpha)
        linear = slope_low - quadratic * low.alpha
        discriminant = linear**2 + 4 * quadratic * (budget - reserve)
        denominator = linear + math.sqrt(discriminant) if discriminant >= 0 else 0.0
        root = 2 * (budget - reserve) / denominator if denominator > 0 else math.inf
        alpha = min(alpha, root)
    return alpha


def _log(ratio: float) -> float:
    """log(ratio) in nats; −∞ if the perplexity behind it is not finite."""
    return math.log(ratio) if ratio > 0 else -math.inf
