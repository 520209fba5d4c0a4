"""Interpolate between the original and the trained weights until the utility loss fits the budget.

The weights are θ₀ + α(θ − θ₀). `line_search` chooses α.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.records.records import BudgetFacts, UtilityFacts
from fairforget.scoring.perplexity import MAX_NLL
from fairforget.training.line_search import LineSearch, Point

MAIN, EVERYDAY_PERPLEXITY = "perplexity", "everyday_perplexity"
"""Names of the constraints: perplexity on held-out retain text, which is required, and on everyday
sentences."""
NOT_USED_UP = "not used up"
"""The note of a record whose budgets all have slack."""
MOVEMENT = "movement"
"""Name of the mean KL divergence from the original model."""
MOVEMENT_SHARE = 0.02
"""Share of a movement by which a result may stay below it."""
ROUGH_SHARE = 0.2
"""Share of the tightest budget that the search on few texts may leave: their loss differs from that
on all texts by about as much."""
NOTED = "; "
"""Separates the notes of a record."""


@dataclass(frozen=True, slots=True)
class PerplexityConstraint:
    """A perplexity of the model, and how far it may rise."""

    perplexity: Callable[[], float]
    """Measures the model with its current weights."""
    allowed: float
    """The largest ratio, after ÷ before."""


def interpolate_to_budget(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    constraints: Mapping[str, PerplexityConstraint],
    *,
    rough: Mapping[str, PerplexityConstraint] | None = None,
    before: Mapping[str, float] | None = None,
    known: Mapping[float, Mapping[str, float]] | None = None,
    max_alpha: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> BudgetFacts:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first constraint is reached.

    A search on few texts (`rough`) finds about where that is and how the loss grows; the search on
    all texts starts from there, first with the constraint that is met first, and mostly ends with
    its second measurement.

    Args:
        model: the model with the trained weights θ. Its weights are replaced.
        original: the original weights θ₀, by the names of `model.named_parameters()`. Parameters
            without one keep their trained value. They may be on another device; a copy of the
            trained weights is then kept there too.
        constraints: the budgets, by name. `perplexity` is required.
        rough: the same constraints on fewer texts, for a cheap first search.
        before: the perplexities of the original model, if they are known.
        known: α → perplexities of `rough` that were measured before.
        max_alpha: the largest α tried. α exceeds 1 only if every budget has slack at α = 1.
        progress: called after each measurement of `constraints`.

    Returns:
        The allowed and the reached ratios. At α = 1 the trained weights are unchanged, at α = 0
        the original weights are restored, both bit for bit.

    Raises:
        InputError: a perplexity of the original model is not finite.
    """
    trained = _copy_weights(original, model)

    def line_search(
        constraints: Mapping[str, PerplexityConstraint],
        measured: dict[float, dict[str, float]],
        progress: Callable[[], None],
    ) -> LineSearch:
        """Return a search that measures nothing twice."""

        def perplexities(alpha: float) -> dict[str, float]:
            values = measured.setdefault(alpha, {})
            if missing := [name for name in constraints if name not in values]:
                lerp_weights(model, original, trained, alpha)
                values |= {name: constraints[name].perplexity() for name in missing}
                progress()
            return {name: values[name] for name in constraints}

        allowed = {name: constraint.allowed for name, constraint in constraints.items()}
        return LineSearch(perplexities, allowed, max_alpha)

    measured = {0.0: dict(before)} if before else {}
    full = line_search(constraints, measured, progress)
    if rough is None:
        trained_point = full.evaluate(1.0)
    else:
        few = {alpha: dict(values) for alpha, values in (known or {}).items()}
        guide = line_search(rough, few, lambda: None)
        guide.loosen(ROUGH_SHARE)
        trained_point = guide.evaluate(1.0)
        point = guide.search()
        guide.exponent, guide.tolerance = guide.estimate_exponent(), full.tolerance
        start = point.alpha or 1.0
        if point.alpha and guide.has_slack(point) and not guide.exact:
            start = guide.propose()
        # the other constraints are measured at the end only
        decisive = min(point.slacks, key=point.slacks.__getitem__)
        alone = line_search({decisive: constraints[decisive]}, measured, progress)
        for search in (alone, full):
            search.exponent, search.tolerance = guide.exponent, full.tolerance
        alone.evaluate(start if start > 0 else point.alpha)  # NaN: the model is broken beyond
        full.evaluate(alone.search().alpha or alone.points[1].alpha)
    point = full.search()
    lerp_weights(model, original, trained, point.alpha)
    trained_point = next((known for known in full.points if known.alpha == 1), trained_point)
    facts = {
        name: UtilityFacts(
            constraints[name].allowed, point.ratios[name], value, trained_point.ratios[name]
        )
        for name, value in full.before.items()
    }
    return _budget_facts(facts, full, point)


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
    weights = _copy_weights(original, model)
    moved = {0.0: 0.0}

    def exp_divergence(alpha: float) -> dict[str, float]:
        if alpha not in moved:
            lerp_weights(model, original, weights, alpha)
            moved[alpha] = divergence()
            progress()
        return {MOVEMENT: math.exp(min(moved[alpha], MAX_NLL))}

    search = LineSearch(exp_divergence, {MOVEMENT: math.exp(target)}, max_alpha)
    search.tolerance = MOVEMENT_SHARE * target
    search.exponent = 2.0
    search.evaluate(1.0)
    point = search.search()
    if before is None:
        lerp_weights(model, original, weights, 0.0)
        before = {name: constraint.perplexity() for name, constraint in constraints.items()}
    lerp_weights(model, original, weights, point.alpha)
    facts = {
        name: UtilityFacts(c.allowed, c.perplexity() / before[name], before[name], trained[name])
        for name, c in constraints.items()
    }
    reached = _budget_facts(facts, search, point)
    return replace(reached, movement=moved[point.alpha], movement_asked=target)


def measure_after_rounding(
    facts: BudgetFacts, constraints: Mapping[str, PerplexityConstraint]
) -> BudgetFacts:
    """Measure the budget again after the interpolated weights were rounded.

    Merging an adapter into bfloat16 weights rounds its update. A movement is not measured again.

    Returns:
        `facts` with the new ratios, and a note if rounding exceeded a budget that was searched for.
    """
    known = {MAIN: facts, **facts.others}
    reached = {name: c.perplexity() / known[name].before for name, c in constraints.items()}
    limits = constraints if facts.movement_asked is None else {}
    exceeded = [name for name, c in limits.items() if reached[name] > c.allowed]
    note = f"rounding to the model's dtype exceeded the budget: {', '.join(exceeded)}"
    return replace(
        facts,
        reached=reached[MAIN],
        note=NOTED.join(filter(None, (facts.note, note if exceeded else ""))),
        others={n: replace(other, reached=reached[n]) for n, other in facts.others.items()},
    )


def original_perplexities(budget: BudgetFacts) -> dict[str, float]:
    """Return the original model's perplexities from a record, as `before` of another run."""
    return {MAIN: budget.before} | {name: facts.before for name, facts in budget.others.items()}


@torch.no_grad()
def lerp_weights(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    alpha: float,
) -> None:
    """Set the weights to θ₀ + α(θ − θ₀); parameters that are not in `original` stay as they are."""
    for name, parameter in model.named_parameters():
        if name not in original:
            continue
        if alpha in (0.0, 1.0):  # bit for bit
            parameter.copy_(original[name] if alpha == 0.0 else trained[name])
        else:
            parameter.copy_(torch.lerp(original[name], trained[name], alpha))


@torch.no_grad()
def negate_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> None:
    """Replace θ by θ₀ − (θ − θ₀), as task vector negation does."""
    for name, parameter in model.named_parameters():
        if name in original:
            parameter.copy_(2 * original[name].to(parameter.device) - parameter)


@contextmanager
def negated_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> Iterator[None]:
    """Negate the update within the context; restore the weights bit for bit at its end.

    Keeps a second copy of the trained weights meanwhile.
    """
    trained = _copy_weights(original, model)
    negate_update(model, original)
    try:
        yield
    finally:
        lerp_weights(model, original, trained, 1.0)


def _copy_weights(original: Mapping[str, Tensor], model: PreTrainedModel) -> dict[str, Tensor]:
    """Copy the model's weights to the devices of the original ones."""
    return {
        name: parameter.detach().to(original[name].device, copy=True)
        for name, parameter in model.named_parameters()
        if name in original
    }


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
        note=_note(point.alpha, search.has_slack(point)),
        others=facts,
    )


def _note(alpha: float, has_slack: bool) -> str:
    if alpha == 0:
        return "nothing was unlearned, because no part of the update stays within the budget"
    return NOT_USED_UP if has_slack else ""
