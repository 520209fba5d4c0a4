"""Interpolate between the original and the trained weights to a point within the budget.

The weights are θ₀ + α(θ − θ₀). `line_search` chooses α.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from torch import Tensor
from transformers import PreTrainedModel

from fairforget.records.records import (
    EXCEEDED,
    LIMITED_BY_GUARD,
    MAIN,
    NOT_USED_UP,
    NOTED,
    BudgetFacts,
    UtilityFacts,
)
from fairforget.training.budget_search import (
    Bound,
    BudgetSearches,
    PerplexityConstraint,
    exp_bounded,
    measure_perplexities,
    start_where_guided,
)
from fairforget.training.line_search import LineSearch, Point
from fairforget.training.weights import WeightLine

EVERYDAY_PERPLEXITY = "everyday_perplexity"
"""Name of the constraint on the perplexity on everyday sentences."""
MOVEMENT = "movement"
"""Name of the mean KL divergence from the original model."""
MOVEMENT_SHARE = 0.02
"""Share of a movement by which a result may stay below it."""
ROUGH_SHARE = 0.2
"""Share of the tightest budget that the search on few texts may leave: their loss differs from that
on all texts by about as much."""


def interpolate_to_budget(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    constraints: Mapping[str, PerplexityConstraint],
    *,
    bounds: Mapping[str, Bound] = MappingProxyType({}),
    rough: Mapping[str, PerplexityConstraint] | None = None,
    before: Mapping[str, float] | None = None,
    few: Mapping[float, Mapping[str, float]] = MappingProxyType({}),
    max_alpha: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> tuple[BudgetFacts, Mapping[str, float]]:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first constraint is reached.

    A search on few texts (`rough`) finds about where that is and how the loss grows; the search on
    all texts starts from there, first with the constraint that is met first, and mostly ends with
    its second measurement. The bounds are measured before the perplexities, which are not measured
    beyond one.

    Args:
        model: the model with the trained weights θ. Its weights are replaced.
        original: the original weights θ₀, as for `WeightLine`.
        constraints: the budgets, by name. `perplexity` is required.
        bounds: further constraints, by name.
        rough: the same constraints on fewer texts, for a cheap first search.
        before: the perplexities of the original model, if they are known.
        few: α → perplexities already measured on the small sample of texts (`rough`).
        max_alpha: the largest α tried. α exceeds 1 only if every budget has slack at α = 1.
        progress: called after each measurement of `constraints`.

    Returns:
        The allowed and reached ratios, and the rise of each bound at the chosen α, in nats. Bounds
        that were not measured there are omitted. At α = 1 the trained weights are unchanged, at
        α = 0 the original weights are restored, both bit for bit.

    Raises:
        InputError: a perplexity of the original model is not finite.
    """
    line = WeightLine(model, original)
    on_few = {alpha: dict(values) for alpha, values in few.items()}
    searches = BudgetSearches(line, bounds, max_alpha, on_few)
    measured = {0.0: dict(before)} if before else {}
    if rough is None:
        full = searches.over(constraints, measured, progress, complete=True)
        trained_point = full.evaluate(1.0)
    else:
        guide = searches.over(rough, on_few, complete=True)
        guide.loosen(ROUGH_SHARE)
        trained_point = guide.evaluate(1.0)
        full = start_where_guided(guide, searches, constraints, measured, progress)
    point = full.search()
    line.move_to(point.alpha)
    at_one = (p for p in full.points if p.alpha == 1 and p.ratios.keys() >= constraints.keys())
    trained_point = next(at_one, trained_point)
    facts = {
        name: UtilityFacts(
            constraint.allowed, point.ratios[name], full.before[name], trained_point.ratios[name]
        )
        for name, constraint in constraints.items()
    }
    return _budget_facts(facts, full, point), searches.rises.get(point.alpha, {})


def interpolate_to_movement(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    constraints: Mapping[str, PerplexityConstraint],
    divergence: Callable[[], float],
    target: float,
    *,
    trained: Mapping[str, float],
    before: Mapping[str, float] | None = None,
    max_alpha: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> BudgetFacts:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the model has moved as far as asked.

    The perplexities are measured at the end and limit nothing.

    Args:
        model: as for `interpolate_to_budget`.
        original: as for `interpolate_to_budget`.
        constraints: the perplexities to measure, by name. `perplexity` is required.
        divergence: measures the mean KL(original ‖ model) per token, in nats.
        target: the divergence to reach. The result may be below it by `MOVEMENT_SHARE`.
        trained: the perplexity ratios of the trained weights.
        before: the perplexities of the original model, if they are known.
        max_alpha: the largest α tried.
        progress: called after each measurement.

    Returns:
        The ratios, with the divergence as `movement`.
    """
    line = WeightLine(model, original)
    moved = {0.0: 0.0}

    def exp_divergence(alpha: float) -> dict[str, float]:
        if alpha not in moved:
            line.move_to(alpha)
            moved[alpha] = divergence()
            progress()
        return {MOVEMENT: exp_bounded(moved[alpha])}

    search = LineSearch(exp_divergence, {MOVEMENT: math.exp(target)}, max_alpha)
    search.tolerance = MOVEMENT_SHARE * target
    search.exponent = 2.0
    search.evaluate(1.0)
    point = search.search()
    if before is None:
        line.move_to(0.0)
        before = measure_perplexities(constraints)
    line.move_to(point.alpha)
    facts = {
        name: UtilityFacts(c.allowed, c.perplexity() / before[name], before[name], trained[name])
        for name, c in constraints.items()
    }
    reached = _budget_facts(facts, search, point)
    return replace(reached, movement=moved[point.alpha], movement_asked=target)


def measure_after_rounding(
    facts: BudgetFacts,
    constraints: Mapping[str, PerplexityConstraint],
    bounds: Mapping[str, Bound] = MappingProxyType({}),
) -> BudgetFacts:
    """Measure the budget again after the interpolated weights were rounded.

    Merging an adapter into bfloat16 weights rounds its update.

    Returns:
        `facts` with the new ratios, and a note if rounding exceeded a budget that was searched for.
    """
    known = facts.perplexities
    reached = {name: c.perplexity() / known[name].before for name, c in constraints.items()}
    exceeded = []
    if facts.movement_asked is None:
        exceeded = [name for name, c in constraints.items() if reached[name] > c.allowed]
        exceeded += [
            name for name, bound in bounds.items() if not bound.measure().rise <= bound.allowed
        ]
    note = EXCEEDED + ", ".join(exceeded)
    return replace(
        facts,
        reached=reached[MAIN],
        note=NOTED.join(filter(None, (facts.note, note if exceeded else ""))),
        others={n: replace(other, reached=reached[n]) for n, other in facts.others.items()},
    )


def original_perplexities(budget: BudgetFacts) -> dict[str, float]:
    """Return the original model's perplexities from a record, as `before` of another run."""
    return {name: facts.before for name, facts in budget.perplexities.items()}


def _budget_facts(facts: dict[str, UtilityFacts], search: LineSearch, point: Point) -> BudgetFacts:
    """Return the facts of all constraints, by name, at the point that a search ended with."""
    main = facts.pop(MAIN)
    return BudgetFacts(
        main.asked,
        main.reached,
        main.before,
        main.trained,
        alpha=point.alpha,
        max_alpha=search.max_alpha,
        note=_note(search, point),
        others=facts,
    )


def _note(search: LineSearch, point: Point) -> str:
    beyond = search.bracket()[1]
    guards = ", ".join(beyond.rejected_by if beyond else ()).replace("_", " ")
    if point.alpha == 0:
        nothing = "nothing was unlearned, because "
        if guards:
            return f"{nothing}the guard on {guards} rejects every part of the update"
        return f"{nothing}no part of the update stays within the budget"
    limit = [LIMITED_BY_GUARD + guards] if guards else []
    return NOTED.join([NOT_USED_UP, *limit]) if search.has_slack(point) else ""
