"""A number with its sources of chance: what is shared goes, what is not adds up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp, ttest_ind

from fairforget.statistics import Floats, jackknife
from fairforget.transfer_study.estimate import Estimate, mean, over_seeds, ratio, weighted_mean

UNITS = st.lists(st.floats(-10, 10), min_size=2, max_size=12).filter(lambda u: np.ptp(u) > 0.1)


def of_mean(units: list[float], name: str = "race") -> Estimate:
    """The mean of what items gave."""
    values = np.array(units)
    without: Floats = (values.sum() - values) / (len(values) - 1)
    return Estimate(float(values.mean()), {("items", name): jackknife(without)})


@given(UNITS)
def test_of_a_mean_it_is_the_t_test(units: list[float]) -> None:
    found = of_mean(units)
    assert found.variance == pytest.approx(np.var(units, ddof=1) / len(units))
    assert found.freedom == pytest.approx(len(units) - 1)
    expected = ttest_1samp(units, 0)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    low, high = expected.confidence_interval()
    assert found.ci == pytest.approx((low, high))
    assert (found.p < 0.05) == (not found.ci[0] <= 0 <= found.ci[1])


@given(UNITS, UNITS)
def test_two_sources_are_welchs_test(one: list[float], other: list[float]) -> None:
    found = of_mean(one, "race") - of_mean(other, "gender")
    expected = ttest_ind(one, other, equal_var=False)
    assert found.freedom == pytest.approx(expected.df)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(-10, 10)] * 2), min_size=2, max_size=12))
def test_one_source_is_compared_in_pairs(pairs: list[tuple[float, float]]) -> None:
    found = of_mean([a for a, _ in pairs]) - of_mean([b for _, b in pairs])
    alone = of_mean([a - b for a, b in pairs])
    assert found.value == pytest.approx(alone.value)
    assert found.variance == pytest.approx(alone.variance, abs=1e-9)


def test_what_differs_alike_everywhere_is_sure() -> None:
    found = of_mean([3.0, 5.0]) - of_mean([1.0, 3.0])
    assert (found.variance, found.p, found.ci) == (0.0, 0.0, (2.0, 2.0))
    same = found - found
    assert (same.value, same.p) == (0.0, 1.0)


def test_seeds_that_agree_by_chance_are_not_proof() -> None:
    """Three seeds alone, each with another effect: p is that of two degrees of freedom."""
    without = np.array([-1.5, -2.0, -2.5])
    found = Estimate(-2.0, {("seeds", 0): jackknife(without)})
    spread = math.sqrt(np.var([-3.0, -2.0, -1.0], ddof=1) / 3)
    assert found.p == pytest.approx(2 * t.sf(2.0 / spread, 2))
    assert found.p > 0.05
    assert found.of_items == 0


def test_more_seeds_leave_of_the_variance_what_items_alone_add() -> None:
    """Seeds × items, drawn anew each time: what is left is the items' part without theirs."""
    generator = np.random.default_rng(0)
    found: dict[float, list[tuple[float, float]]] = {0.0: [], 1.0: []}
    for of_items, estimates in found.items():
        for _ in range(400):
            items = generator.normal(0, of_items, size=20)
            values = items + generator.normal(0, 2.0, size=(3, 20))
            without = (values.sum(axis=1, keepdims=True) - values) / 19
            it = over_seeds(values.mean(axis=1), without, domain="race", group=0)
            estimates.append((it.of_items, it.variance))
    none, some = (np.mean(estimates, axis=0) for estimates in found.values())
    together = 2.0**2 / (3 * 20)
    assert none[0] < 0.4 * together  # never below 0, so above it in the mean
    assert some[0] == pytest.approx(1 / 20, rel=0.1)
    assert none[1] == pytest.approx(2 * together, rel=0.1)  # in both parts: rather too wide


def test_a_difference_of_the_same_is_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(3, 8))
    it = over_seeds(values.mean(axis=1), values, domain="race", group=0)
    none = it - it
    assert (none.value, none.variance, none.of_items, none.p) == (0, 0, 0, 1)


def test_a_bound_narrows_and_never_decides() -> None:
    wide = of_mean([-30.0, 1.0, 28.0])
    found = wide.within(4.0)
    assert found.ci[0] == pytest.approx(-4.0 - 2 * max(0, -wide.value))
    assert found.p > 0.05
    assert wide.within(1e3) is wide


def test_a_number_that_is_none_decides_nothing() -> None:
    nothing = Estimate(math.nan, {("items", "race"): np.full(5, math.nan)})
    assert nothing.p == 1.0
    unknown = Estimate(-3.0, {("items", "race"): np.full(5, math.nan)})
    assert unknown.p == 1.0
    assert math.isnan(unknown.ci[0])
    single = Estimate(-3.0, {("items", "race"): jackknife(np.array([math.nan]))})
    assert single.effect.p == 1.0
    assert math.isnan(single.ci[0])


def test_a_mean_over_domains_keeps_what_runs_share() -> None:
    seeds = {("seeds", 0): jackknife(np.array([1.0, 2.0, 3.0]))}
    parts = [
        Estimate(float(n), {**seeds, **of_mean([0.0, 1.0, 5.0], str(n)).chance}) for n in range(2)
    ]
    found = mean(parts)
    assert found is not None
    assert found.value == 0.5
    of_seeds = found.variance - found.of_items
    assert of_seeds == pytest.approx(parts[0].variance - parts[0].of_items)
    assert found.of_items == pytest.approx(parts[0].of_items / 2)
    assert mean([]) is None


@given(UNITS, st.floats(-3, 3))
def test_a_ratio_holds_what_the_difference_allows(units: list[float], r: float) -> None:
    """Fieller: r is in the interval where upper − r lower may be 0."""
    lower = weighted_mean([of_mean(units)], [1.0])
    upper = of_mean([u**2 / 5 - 1 for u in units])
    found = ratio(upper, lower)
    if found is None:
        assert lower.ci[0] <= 0 <= lower.ci[1]
        return
    value, (low, high) = found
    assert value == pytest.approx(upper.value / lower.value)
    assert low <= value + 1e-9
    assert value <= high + 1e-9
    left = weighted_mean([upper, lower], [1.0, -r])
    if min(abs(r - low), abs(r - high)) > 1e-6 and left.variance > 1e-9:
        assert (low < r < high) == (left.ci[0] < 0 < left.ci[1])
