"""Line search for the largest step α within every budget.

Perplexities are functions of α. Budgets and losses are compared as log-ratios, in nats. A guard is
a limit that only rejects steps; it need not be used up. Nothing here depends on
models or weights; `interpolation` supplies the functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from fairforget.errors import InputError

TOLERANCE = 0.002
"""Nats of the tightest budget that may stay unused; a tenth of the budget if that is less. For a
budget of exactly 1, a tenth of this value."""
MAX_ITERATIONS = 12
MAX_HALVINGS = 4
"""How often α is halved to find a step that a guard accepts, or, with a budget of exactly 1, one
without any utility loss."""
GUARD_SHARE, BUDGET_SHARE = 0.05, 0.02
"""Width of the bracket, relative to its upper end, at which the search stops: if a guard rejects
the upper end, and if the upper end exceeds a budget. The second ends the search where a measurement
jumps."""
FREE_GUESSES = 2
"""Number of guesses within a bracket before bisection can replace one. From then on, the search
bisects if the previous step did not at least halve the bracket. The second guess is exact for a
parabola."""
DEFAULT_EXPONENT = 1.5
"""Utility loss in nats grows about as α to this power, unless the points tell otherwise."""
EXPONENTS = (0.5, 3.0)
"""Smallest and largest exponent that is taken from the points."""
MAX_GROWTH = 2.5
"""Largest factor between two values of α while every budget has slack."""


@dataclass(frozen=True, slots=True)
class Point:
    """The measurements at one α."""

    alpha: float
    ratios: dict[str, float]
    """Each perplexity, divided by the perplexity at α = 0."""
    slacks: dict[str, float]
    """What is left of each budget that was measured, in nats: negative beyond the budget, −∞ if a
    measurement is not finite."""
    rejected_by: tuple[str, ...] = ()
    """The guards that reject it."""

    @property
    def slack(self) -> float:
        """The slack of the tightest budget, in nats."""
        return min(self.slacks.values(), default=math.inf)

    @property
    def is_within(self) -> bool:
        """Whether it is within every budget, and no guard rejects it."""
        return self.slack >= 0 and not self.rejected_by


ALPHA = attrgetter("alpha")


class LineSearch:
    """Searches 0 ≤ α ≤ `max_alpha`, and remembers every point that it has measured."""

    def __init__(
        self,
        perplexities: Callable[[float], dict[str, float]],
        allowed: Mapping[str, float],
        max_alpha: float,
        guards: Collection[str] = (),
    ) -> None:
        """Measure the perplexities at α = 0.

        Args:
            perplexities: maps α to perplexities, by constraint name. Beyond a budget or a guard,
                the others may be missing.
            allowed: the largest ratio of each perplexity to its value at α = 0.
            max_alpha: the largest α to try.
            guards: the constraints that are guards. At least one is not.

        Raises:
            InputError: a perplexity at α = 0 is not finite.
        """
        self.perplexities, self.allowed, self.max_alpha = perplexities, allowed, max_alpha
        self.guards = guards
        self.budgets = {n: _log(ratio) for n, ratio in allowed.items() if n not in guards}
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
        left = {name: _log(self.allowed[name] / ratio) for name, ratio in ratios.items()}
        rejected_by = tuple(n for n in self.guards if -math.inf < left.get(n, 0.0) < 0)
        slacks = {name: nats for name, nats in left.items() if name in self.budgets}
        if -math.inf in left.values():
            slacks = dict.fromkeys(self.budgets, -math.inf)
        self.points.append(Point(alpha, ratios, slacks, rejected_by))
        return self.points[-1]

    def search(self) -> Point:
        """Return the point within every budget and guard that uses up the tightest budget.

        If the search finds none, return the last point before the first one beyond a limit.
        """
        halvings, widths = 0, list[float]()
        for _ in range(MAX_ITERATIONS):
            low, high = self.bracket()
            if high is not None and low.alpha == 0 and (self.exact or high.rejected_by):
                if halvings == MAX_HALVINGS:
                    break
                self.evaluate(high.alpha / 2)
                halvings += 1
                continue
            if not self.has_slack(low) or (high is None and low.alpha >= self.max_alpha):
                break
            alpha = self.propose()
            if high:
                widths.append(high.alpha - low.alpha)
                share = GUARD_SHARE if high.rejected_by else BUDGET_SHARE
                if widths[-1] <= share * high.alpha:
                    break
                stuck = len(widths) > FREE_GUESSES and widths[-1] > widths[-2] / 2
                if stuck or not low.alpha < alpha < high.alpha:
                    alpha = (low.alpha + high.alpha) / 2
            self.evaluate(alpha)
        return self.bracket()[0]

    def propose(self) -> float:
        """Return about where the tightest budget is used up, from the points so far; may be NaN."""
        low, high = self.bracket()
        if high is not None and low.alpha > 0:
            return _interpolate(low, high, self.budgets, reserve=self.tolerance / 2)
        known = high or low
        factor = _scale_to_budget(known, self.budgets, reserve=self.tolerance / 2)
        has_inner = any(0 < point.alpha < low.alpha for point in self.points)
        exponent = self.estimate_exponent() if has_inner else self.exponent
        alpha = float(known.alpha * factor ** (1 / exponent))
        return alpha if high else min(alpha, low.alpha * MAX_GROWTH, self.max_alpha)

    def estimate_exponent(self) -> float:
        """Estimate the exponent of the tightest budget's loss from the points around it."""
        low, high = self.bracket()
        inner = [point for point in self.points if 0 < point.alpha < low.alpha]
        inner_pair = max(inner, key=ALPHA, default=low), low
        first, second = (low, high) if high and not high.rejected_by else inner_pair
        if not 0 < first.alpha < second.alpha:
            return DEFAULT_EXPONENT
        name = min(second.slacks, key=second.slacks.__getitem__)
        spent = [self.budgets[name] - point.slacks[name] for point in (first, second)]
        if min(spent) <= 0 or not all(map(math.isfinite, spent)):
            return DEFAULT_EXPONENT
        exponent = math.log(spent[1] / spent[0]) / math.log(second.alpha / first.alpha)
        return min(max(exponent, EXPONENTS[0]), EXPONENTS[1])

    def bracket(self) -> tuple[Point, Point | None]:
        """Return the last point within every limit, and the first point beyond one, if any."""
        ordered = sorted(self.points, key=ALPHA)
        for low, high in pairwise(ordered):
            if not high.is_within:
                return low, high
        return ordered[-1], None

    def has_slack(self, point: Point) -> bool:
        """Whether every budget has more slack at this point than the tolerance."""
        return point.slack > self.tolerance


def _scale_to_budget(point: Point, budgets: Mapping[str, float], reserve: float) -> float:
    """Return the factor by which the point's losses may grow until one has `reserve` nats left.

    0 if the model is broken at the point, infinite if nothing was spent.
    """
    factors = (
        (budget - reserve) / spent if (spent := budget - point.slacks[name]) > 0 else math.inf
        for name, budget in budgets.items()
        if name in point.slacks
    )
    return min(factors, default=math.inf)


def _interpolate(low: Point, high: Point, budgets: Mapping[str, float], reserve: float) -> float:
    """Return the α at which the first budget has `reserve` nats left; NaN if unknown.

    Each loss, in nats, is modelled as aα + bα², which two points determine.
    """
    alpha = math.inf
    for name, budget in budgets.items():
        if math.isinf(budget) or name not in high.slacks:
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
