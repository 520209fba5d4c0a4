"""Bounds besides perplexities: a guard only rejects steps; a movement is a budget of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.records.records import LIMITED_BY_GUARD, BudgetFacts
from fairforget.training.budget_search import Bound, Measured, PerplexityConstraint
from fairforget.training.interpolation import NOT_USED_UP, NOTED, interpolate_to_budget
from fairforget.training.line_search import (
    BUDGET_SHARE,
    GUARD_SHARE,
    MAX_HALVINGS,
    MAX_ITERATIONS,
)

Nats = Callable[[float], float]
ALLOWED = 1.1
"""Of the perplexity."""
SHAPES = {
    "power": lambda scale, power: lambda a: scale * a**power,
    "dip": lambda scale, power: lambda a: scale * a * (a - power / 3),
    "jump": lambda scale, power: lambda a: 0.0 if a <= power / 3 else scale,
    "broken": lambda scale, power: lambda a: -a if a <= power / 3 else math.nan,
    "waves": lambda scale, power: lambda a: scale * math.sin(6 * power * a),
}
RISES = st.builds(
    lambda name, scale, power: SHAPES[name](scale, power),
    st.sampled_from(sorted(SHAPES)),
    st.floats(0.001, 5),
    st.floats(0.5, 3),
)


def interpolate(
    nats: Nats, bounds: dict[str, tuple[Nats, float, bool]], *, gives_rough=False, **options
) -> tuple[BudgetFacts, dict[str, list[float]]]:
    """Interpolate a model whose only weight is α; returns the facts and where each was measured.

    With `gives_rough`, each bound gives the perplexity on few texts as well.
    """
    model = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(model.weight)
    seen: dict[str, list[float]] = {"perplexity": [], "rough": [], **{n: [] for n in bounds}}

    def at(name: str) -> float:
        seen[name].append(model.weight.item())
        return seen[name][-1]

    def perplexity(name: str) -> dict[str, PerplexityConstraint]:
        return {"perplexity": PerplexityConstraint(lambda: 20 * math.exp(nats(at(name))), ALLOWED)}

    def measure(name: str, rise: Nats) -> Measured:
        alpha = at(name)
        perplexities = {"perplexity": 20 * math.exp(nats(alpha))} if gives_rough else {}
        return Measured(rise(alpha), perplexities)

    facts, risen = interpolate_to_budget(
        model,
        {"weight": torch.zeros(1, 1, dtype=torch.float64)},
        perplexity("perplexity"),
        bounds={
            name: Bound(partial(measure, name, rise), allowed, is_guard)
            for name, (rise, allowed, is_guard) in bounds.items()
        },
        rough=perplexity("rough"),
        max_alpha=3.0,
        **options,
    )
    assert model.weight.item() == facts.alpha
    expected = {n: rise(facts.alpha) if facts.alpha else 0 for n, (rise, _, _) in bounds.items()}
    assert risen == expected
    return facts, seen


@given(RISES, RISES, RISES, st.floats(0, 0.1), st.floats(0.001, 0.1))
def test_a_result_is_within_every_bound(nats, guarded, moved, allowed, movement) -> None:
    bounds = {"words": (guarded, allowed, True), "moved": (moved, movement, False)}
    facts, seen = interpolate(nats, bounds)
    if facts.alpha:
        assert nats(facts.alpha) <= math.log(ALLOWED) + 1e-9
        assert guarded(facts.alpha) <= allowed + 1e-9
        assert moved(facts.alpha) <= movement + 1e-9
    for name, measured in seen.items():
        assert len(measured) == len(set(measured)), f"{name} was measured twice"
        assert name in ("perplexity", "rough") or 0 not in measured


@given(RISES, RISES, st.floats(0.001, 0.1))
def test_a_bound_that_gives_the_perplexity_on_few_texts_saves_measuring_it(nats, moved, allowed):
    bounds = {"moved": (moved, allowed, False)}
    without, seen = interpolate(nats, bounds)
    facts, fewer = interpolate(nats, bounds, gives_rough=True)
    assert repr(facts) == repr(without)  # NaN differs from itself
    assert fewer["moved"] == seen["moved"]
    assert fewer["rough"] == [0]


@given(RISES)
def test_a_guard_that_rejects_nothing_changes_nothing(nats) -> None:
    without, seen = interpolate(nats, {})
    guarded, with_guard = interpolate(nats, {"words": (lambda a: -a, 0.0, True)})
    assert repr(guarded) == repr(without)  # NaN differs from itself
    assert with_guard["perplexity"] == seen["perplexity"]


@given(st.floats(0.2, 2.7), st.floats(0.01, 5))
def test_a_guard_stops_the_search_short_of_the_first_rejected_step(limit, scale) -> None:
    """And leaves the budgets as they are: the perplexities are hardly measured any more."""
    words = (lambda a: scale * (a - limit), 0.0, True)
    facts, seen = interpolate(lambda a: 0.001 * a, {"words": words})
    assert (1 - 2 * GUARD_SHARE) * limit <= facts.alpha <= limit
    assert facts.note == NOTED.join([NOT_USED_UP, f"{LIMITED_BY_GUARD}words"])
    assert len(seen["perplexity"]) == 2  # the original, and the result


@given(st.floats(0.3, 2.9), st.floats(0.0005, 0.006))
def test_where_a_bound_jumps_the_searches_share_what_they_know(jump, slope) -> None:
    moved = (lambda a: slope * a if a <= jump else 0.02 + slope * a, 0.02, False)
    facts, seen = interpolate(lambda a: 0.001 * a, {"moved": moved}, gives_rough=True)
    assert (1 - 2 * BUDGET_SHARE) * jump <= facts.alpha <= jump
    assert len(seen["perplexity"]) == 2  # the original, and the result
    assert len(seen["moved"]) <= MAX_ITERATIONS + 8


def test_a_guard_that_rejects_everything_keeps_the_original() -> None:
    facts, seen = interpolate(lambda a: 0.001 * a, {"harmful_words": (lambda a: 1.0, 0.01, True)})
    assert facts.alpha == 0
    assert facts.note == (
        "nothing was unlearned, because the guard on harmful words rejects every part of the update"
    )
    assert seen["harmful_words"] == [1 / 2**n for n in range(MAX_HALVINGS + 1)]
    assert seen["perplexity"] == [0]
    assert facts.trained == pytest.approx(math.exp(0.001))


@given(st.floats(0.002, 0.05), st.floats(0.01, 2))
def test_a_movement_is_used_up_as_a_budget(movement, scale) -> None:
    """Also where the perplexity falls, which alone would let α grow to the maximum."""
    facts, seen = interpolate(
        lambda a: -0.1 * a, {"moved": (lambda a: scale * a**2, movement, False)}
    )
    wanted = math.sqrt(movement / scale)
    if wanted >= 3:
        assert facts.alpha == 3
    else:
        assert 0.899 * movement <= scale * facts.alpha**2 <= movement
        assert facts.note == ""
    assert len(seen["perplexity"]) == 2
    assert facts.reached == pytest.approx(math.exp(-0.1 * facts.alpha))


def test_no_extrapolation_beyond_the_bound() -> None:
    facts, _ = interpolate(lambda a: -0.1 * a, {"moved": (lambda a: 0.021 * a**2, 0.02, False)})
    assert 0.9 < facts.alpha < 1


def test_the_trained_weights_are_measured_on_everything() -> None:
    """Their ratio is in the record, whatever a guard says of them."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    facts, _ = interpolate_to_budget(
        model,
        {"weight": torch.zeros(1, 1)},
        {"perplexity": PerplexityConstraint(lambda: 20 + model.weight.item(), 1.01)},
        bounds={"words": Bound(lambda: Measured(1.0), 0.0, is_guard=True)},
    )
    assert (facts.alpha, facts.trained) == (0, 1.05)
