"""Searches for the share of a weight update that stays within a budget.

The weights are θ₀ + α(θ − θ₀). `line_search` chooses α; here are what it measures there, and the
order of the searches: on few texts, with one constraint, with all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from fairforget.scoring.perplexity import MAX_NLL
from fairforget.training.line_search import LineSearch
from fairforget.training.weights import WeightLine


@dataclass(frozen=True, slots=True)
class PerplexityConstraint:
    """A perplexity of the model, and how far it may rise."""

    perplexity: Callable[[], float]
    """Measures the model with its current weights."""
    allowed: float
    """The largest ratio, after ÷ before."""


def measure_perplexities(constraints: Mapping[str, PerplexityConstraint]) -> dict[str, float]:
    """Return the perplexities of the model with its current weights, by name."""
    return {name: constraint.perplexity() for name, constraint in constraints.items()}


class Measured(NamedTuple):
    """What a pass of the model over few texts gives."""

    rise: float
    """The rise of a measure over the original's, in nats."""
    perplexities: Mapping[str, float] = MappingProxyType({})
    """The perplexities on the same texts, by constraint, if the pass gives them as well."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A measure of the model on few texts, cheap enough for every α, and how far it may rise."""

    measure: Callable[[], Measured]
    """Measures the model with its current weights."""
    allowed: float
    """The largest rise, in nats."""
    is_guard: bool = False
    """Whether it only rejects steps, so that a result need not come near to it."""


@dataclass(frozen=True, slots=True)
class BudgetSearches:
    """Line searches between the same weights, which measure no bound twice at the same α."""

    line: WeightLine
    bounds: Mapping[str, Bound]
    max_alpha: float
    few: dict[float, dict[str, float]]
    """α → perplexities on few texts, by constraint: known ones, and those that the bounds give."""
    rises: dict[float, dict[str, float]] = field(default_factory=dict)
    """α → rise of each bound that was measured there, in nats."""

    def over(
        self,
        constraints: Mapping[str, PerplexityConstraint],
        measured: dict[float, dict[str, float]],
        progress: Callable[[], None] = lambda: None,
        *,
        complete: bool = False,
    ) -> LineSearch:
        """Return a search within the bounds and these constraints.

        Args:
            constraints: the budgets, by name.
            measured: α → perplexities by name: those that are known, and later the new ones.
            progress: called after each measurement of `constraints`.
            complete: whether the perplexities at α = 1 are measured even if a bound is exceeded.
        """
        limits = {name: exp_bounded(bound.allowed) for name, bound in self.bounds.items()}
        guards = [name for name, bound in self.bounds.items() if bound.is_guard]
        self.rises.setdefault(0.0, dict.fromkeys(self.bounds, 0.0))

        def measure(alpha: float) -> dict[str, float]:
            risen: dict[str, float] = {}
            for name, bound in self.bounds.items():
                risen[name] = exp_bounded(self._rise(name, bound, alpha))
                if not limits[name] / risen[name] >= 1 and not (complete and alpha == 1):
                    return risen
            values = measured.setdefault(alpha, {})
            if missing := [name for name in constraints if name not in values]:
                self.line.move_to(alpha)
                values |= {name: constraints[name].perplexity() for name in missing}
                progress()
            return risen | {name: values[name] for name in constraints}

        allowed = {name: constraint.allowed for name, constraint in constraints.items()}
        return LineSearch(measure, limits | allowed, self.max_alpha, guards)

    def _rise(self, name: str, bound: Bound, alpha: float) -> float:
        """Return the rise of a bound at an α; measure it if it is new."""
        known = self.rises.setdefault(alpha, {})
        if name not in known:
            self.line.move_to(alpha)
            known[name], perplexities = bound.measure()
            self.few[alpha] = {**perplexities, **self.few.get(alpha, {})}
        return known[name]

    def share_stop(self, finished: LineSearch, *others: LineSearch) -> None:
        """Add the first point beyond a bound to other searches; it needs no new measurement."""
        low, stop = finished.bracket()
        if not low.alpha or stop is None:
            return
        if stop.rejected_by or any(s < 0 for name, s in stop.slacks.items() if name in self.bounds):
            for search in others:
                search.evaluate(stop.alpha)


def start_where_guided(
    guide: LineSearch,
    searches: BudgetSearches,
    constraints: Mapping[str, PerplexityConstraint],
    measured: dict[float, dict[str, float]],
    progress: Callable[[], None],
) -> LineSearch:
    """Search on few texts, then with the constraint that is met first; return the complete search.

    It has evaluated the point that these two ended with, and is to be continued from there.
    """
    full = searches.over(constraints, measured, progress)
    point = guide.search()
    guide.exponent, guide.tolerance = guide.estimate_exponent(), full.tolerance
    start = point.alpha or 1.0
    stop = guide.bracket()[1]
    guarded = stop is not None and bool(stop.rejected_by)
    if point.alpha and guide.has_slack(point) and not guide.exact and not guarded:
        start = guide.propose()
    # the other perplexities are measured at the end only
    decisive = min(point.slacks, key=point.slacks.__getitem__)
    first = {decisive: constraints[decisive]} if decisive in constraints else {}
    alone = searches.over(first, measured, progress)
    for search in (alone, full):
        search.exponent, search.tolerance = guide.exponent, full.tolerance
    if not first:
        alone.evaluate(point.alpha)  # all of it is known
    alone.evaluate(start if start > 0 else point.alpha)  # NaN: the model is broken beyond
    searches.share_stop(guide, alone, full)
    full.evaluate(alone.search().alpha or alone.points[1].alpha)
    searches.share_stop(alone, full)
    return full


def exp_bounded(nats: float) -> float:
    """exp(nats), without overflow and without reaching 0; NaN for NaN."""
    return math.exp(nats if math.isnan(nats) else max(min(nats, MAX_NLL), -MAX_NLL))
