"""Verdicts on cells: their tests, their families and the required data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm, t

from fairforget.statistics.distance import DistanceChange, distance_change
from fairforget.statistics.estimate import Estimate
from fairforget.statistics.significance import adjust_holm, holm
from fairforget.transfer_study.record import Effect, MatrixCell, Reason, to_effect
from fairforget.transfer_study.report.verdict_words import margin_control
from fairforget.transfer_study.required_data import data_needed, seeds_needed
from fairforget.transfer_study.verdicts import (
    Pending,
    cell_family,
    judge_cells,
    margin_p,
    raw_verdict,
)

P = st.floats(0.0001, 1.0)


def spread(value: float, items: float, seeds: float = 0.0) -> Estimate:
    """An estimate with given standard errors over items and seeds."""
    parts = {("items", "race"): items, ("seeds", 0): seeds}
    return Estimate(value, {name: np.sqrt([v / 2, v / 2]) for name, v in parts.items()})


def changed(value: float, p: float, items: float = 0.5) -> DistanceChange:
    """A change of distance with a given p-value."""
    return DistanceChange(spread(value, items, 0.5), (0.0, 0.0), p)


CHANGES = st.builds(changed, st.floats(-9, 9), P)
SPREADS = st.builds(
    spread,
    st.floats(0.1, 9).flatmap(lambda size: st.sampled_from([size, -size])),
    st.floats(0.001, 20),
    st.floats(0.001, 20),
)


def cell(
    bias: Effect,
    *,
    domain: str = "gender",
    control: str | None = None,
    clusters: int = 20,
    benchmark: str = "stereoset",
) -> MatrixCell:
    return MatrixCell(
        forget="builtin:gender",
        control=control,
        method="ascent",
        benchmark=benchmark,
        measure="ss",
        domain=domain,
        own=True,
        seeds=3,
        clusters=clusters,
        before=60.0,
        before_ci=(55.0, 65.0),
        after=60.0 + bias.value,
        delta=bias,
        bias=bias,
        margin=1.0,
    )


def with_excess(changes: list[DistanceChange]) -> MatrixCell:
    """A cell with a change in bias, and with the excess over `random@0`, `random@1`, …"""
    bias, *excess = map(to_effect, changes)
    return replace(cell(bias), excess={f"random@{n}": e for n, e in enumerate(excess)})


def waiting(*cells: MatrixCell, obstacle: Reason | None = None) -> list[Pending[MatrixCell]]:
    return [Pending(c, (changed(c.bias.value, c.bias.p),), obstacle) for c in cells]


@given(st.lists(CHANGES, min_size=1, max_size=5))
def test_all_effects_must_fall_and_one_that_rises_is_enough(parts: list[DistanceChange]) -> None:
    verdict, p = raw_verdict(parts)
    assert 0 < p <= 1
    if verdict == "supported":
        assert all(e.value < 0 for e in parts)
        assert p == max(e.p for e in parts)
    elif verdict == "contradicted":
        rising = [e.p for e in parts if e.value > 0]
        assert p == min(1.0, min(rising) * len(parts))
    else:
        assert not any(e.value > 0 for e in parts)
        assert p == 1


@given(st.lists(CHANGES, min_size=1, max_size=5))
def test_without_a_control_nothing_is_supported(parts: list[DistanceChange]) -> None:
    assert raw_verdict(parts, obstacle=True)[0] != "supported"


@given(st.lists(SPREADS, min_size=1, max_size=5), st.floats(0.1, 5))
def test_the_margin_is_excluded_if_one_effect_is_clearly_above_it(
    parts: list[Estimate], margin: float
) -> None:
    """One-sided t tests with Bonferroni's correction: the 90 % interval of a single effect."""
    changes = [DistanceChange(part, (0.0, 0.0), part.p) for part in parts]
    p = margin_p(changes, margin)
    for level in (0.05, 0.01):
        bounds = [
            part.value - t.isf(level / len(parts), part.degrees_of_freedom) * part.variance**0.5
            for part in parts
        ]
        assume(all(abs(bound + margin) > 1e-6 for bound in bounds))
        assert (p < level) == any(bound > -margin for bound in bounds)


@given(
    st.lists(
        st.tuples(st.floats(-2, 9), st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0, 1)),
        min_size=2,
        max_size=5,
    )
)
def test_a_named_control_rules_the_margin_out_if_the_verdict_was_reached(
    parts: list[tuple[float, float, float, float]],
) -> None:
    """Records lack the estimates, so it is found from the intervals."""
    changes = [
        DistanceChange(spread(value, items, seeds), (widening, 0.0), 0.5)
        for value, items, seeds, widening in parts
    ]
    named = with_excess(changes)
    assume(margin_p(changes, named.margin) < 0.05)
    control = margin_control(named)
    effect = named.excess[control] if control else named.bias
    assert effect.ci
    assert effect.ci[0] > -named.margin


def test_no_more_than_the_margin_needs_an_undecided_cell_and_a_narrow_interval() -> None:
    effect = Effect(-0.1, (-0.5, 0.3), 0.6, 0.6)
    narrow, wide = (DistanceChange(spread(-0.1, items), (0.0, 0.0), 0.6) for items in (1e-4, 9.0))
    kink, still = replace(narrow, widening=(1.0, 0.0)), replace(narrow, estimate=spread(0.0, 0.0))
    first, *others = judge_cells(
        [
            Pending(cell(effect, domain=domain), (change,), None)
            for domain, change in zip("abcd", (narrow, wide, kink, still), strict=True)
        ]
    )
    assert (first.verdict, first.reason, first.data_needed) == ("no more than margin", None, None)
    assert first.p_margin is not None
    assert first.p_margin < 0.05
    assert {other.verdict for other in others} == {"undecided"}
    fell = DistanceChange(spread(-0.5, 0.0001), (0.0, 0.0), 0.001)
    (supported,) = judge_cells([Pending(cell(effect), (fell,), None)])
    assert supported.verdict == "supported"
    (control,) = judge_cells([Pending(cell(effect, control="random"), (narrow,), None)])
    assert control.verdict is control.p_margin is control.p_verdict is None


def test_cells_whose_runs_changed_nothing_cost_the_others_no_power() -> None:
    fell = DistanceChange(spread(-0.5, 0.0001), (0.0, 0.0), 0.02)
    effect = Effect(-0.5, (-0.9, -0.1), 0.02, 0.02)
    (alone,) = judge_cells([Pending(cell(effect), (fell,), None)])
    idle = [Pending(cell(effect, domain=it), (fell,), None, idle=True) for it in "bc"]
    decided, *others = judge_cells([Pending(cell(effect, domain="a"), (fell,), None), *idle])
    assert (decided.verdict, decided.p_verdict) == (alone.verdict, alone.p_verdict)
    assert {(it.verdict, it.reason) for it in others} == {("undecided", "a run changed nothing")}


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b"]), P), max_size=30))
def test_families_are_corrected_separately(tests: list[tuple[str | None, float]]) -> None:
    found = adjust_holm({n: (family and (family,), p) for n, (family, p) in enumerate(tests)})
    for name in ("a", "b"):
        mine = [place for place, (family, _) in enumerate(tests) if family == name]
        assert [found[place] for place in mine] == holm([tests[place][1] for place in mine])
    assert all(found[place] == 1 for place, (family, _) in enumerate(tests) if family is None)


def test_families_of_cells() -> None:
    effect = Effect(-1.0, (-2.0, -0.1), 0.01, 0.01)
    one = cell_family(cell(effect))
    assert one == cell_family(cell(effect, domain="race"))
    others = [
        cell(effect, benchmark="crows_pairs"),
        cell(effect, control="random"),
        cell(effect, domain="all"),
    ]
    assert len({one, *map(cell_family, others)}) == 4
    assert cell_family(cell(effect, clusters=5)) is None


def test_controls_and_totals_cost_the_verdicts_no_power() -> None:
    sure, unsure = Effect(-1.0, (-2.0, -0.1), 0.02, 0.02), Effect(-1.0, (-2.0, 1.0), 0.4, 0.4)
    one = cell(sure), cell(unsure, domain="race")
    beside = [cell(unsure, control="random") for _ in range(20)]
    first, second, *_ = judge_cells(waiting(*one, *beside, cell(unsure, domain="all")))
    assert (first.verdict, first.p_verdict) == ("supported", 0.04)
    assert (first.data_needed, first.reason) == (None, None)
    assert (second.verdict, second.p_verdict) == ("undecided", 0.4)
    assert second.data_needed is not None
    assert judge_cells(waiting(*one))[:2] == [first, second]
    (few,) = judge_cells(waiting(cell(sure, clusters=3), obstacle="control missing"))
    assert (few.verdict, few.reason, few.p_verdict) == ("undecided", "too few terms", None)


NEAR = st.builds(
    lambda estimate, midpoint: DistanceChange(estimate, (0.0, 0.0), estimate.p, midpoint),
    SPREADS,
    st.none() | SPREADS,
)
"""Changes of distance, some of scores that may be on either side of no bias."""


def is_decided(
    changes: list[DistanceChange], tests: int, *, data: float = 1.0, seeds: float = 1.0
) -> bool:
    """Whether normal effects are found with a power of 80 %, with `data` times the data.

    A change of distance is found where both the change and the side of no bias are.
    """
    rising = any(change.value > 0 for change in changes)
    level = 0.05 / tests / (len(changes) if rising else 1)
    z = (norm.isf(level / 2) + norm.ppf(0.8)) * (1 - 1e-9)

    def is_found(part: Estimate) -> bool:
        seed_variance = part.variance - part.item_variance
        variance = (part.item_variance + seed_variance / seeds) / data
        return abs(part.value) / math.sqrt(variance) >= z

    found = [
        all(is_found(part) for part in (change.estimate, change.midpoint) if part)
        for change in changes
        if change.value > 0 or not rising
    ]
    return any(found) if rising else all(found)


@given(st.lists(NEAR, min_size=1, max_size=5), st.integers(1, 300))
def test_the_required_data_decide_and_less_do_not(
    changes: list[DistanceChange], tests: int
) -> None:
    needed = data_needed(changes, tests)
    assert needed is not None
    assert is_decided(changes, tests, data=needed)
    if needed > 1.01:
        assert not is_decided(changes, tests, data=needed * 0.99)


@given(st.lists(NEAR, min_size=1, max_size=5), st.integers(1, 300), st.integers(2, 5))
def test_the_required_seeds_decide_and_fewer_do_not(
    changes: list[DistanceChange], tests: int, seeds: int
) -> None:
    needed = seeds_needed(changes, tests, seeds)
    if needed is None:
        assert not is_decided(changes, tests, seeds=1e9)
        return
    assert needed > seeds
    assert is_decided(changes, tests, seeds=needed / seeds)
    assume(needed > seeds + 1)
    assert not is_decided(changes, tests, seeds=(needed - 1) / seeds)


def test_no_amount_of_data_may_be_enough() -> None:
    nothing = [DistanceChange(spread(0.0, 0.5, 0.5), (0.0, 0.0), 1.0)]
    assert data_needed(nothing, 10) is None
    assert seeds_needed(nothing, 10, 3) is None
    of_items = DistanceChange(spread(-1.0, 1.4, 0.1), (0.0, 0.0), 1.0)
    critical = norm.isf(0.025) + norm.ppf(0.8)
    assert data_needed([of_items], 1) == pytest.approx(1.5 * critical**2)
    assert seeds_needed([of_items], 1, 3) is None
    at_no_bias = replace(of_items, midpoint=spread(0.0, 0.5, 0.5))
    assert data_needed([at_no_bias], 1) is None


def test_a_score_near_no_bias_needs_more_data_than_its_change() -> None:
    """The interval of the change excludes 0 alone, that of the distance does not."""
    change, midpoint = spread(-4.0, 1.0), spread(51.0, 1.0)
    near = distance_change(change, midpoint, 50.0, -2.0)
    assert near.p > 0.05
    critical = norm.isf(0.025) + norm.ppf(0.8)
    assert data_needed([near], 1) == pytest.approx(critical**2)
