"""Estimates: shared variance cancels in differences, and independent variance adds up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp, ttest_ind

from fairforget.statistics.estimate import Estimate, over_items, over_seeds, ratio, weighted_mean
from fairforget.statistics.jackknife import Floats, jackknife

UNITS = st.lists(st.floats(-10, 10), min_size=2, max_size=12).filter(lambda u: np.ptp(u) > 0.1)


def of_mean(units: list[float], name: str = "race") -> Estimate:
    """The mean over units."""
    values = np.array(units)
    without: Floats = (values.sum() - values) / (len(values) - 1)
    return Estimate(float(values.mean()), {("items", name): jackknife(without)})


@given(UNITS)
def test_the_mean_of_one_source_gives_the_t_test(units: list[float]) -> None:
    found = of_mean(units)
    assert found.variance == pytest.approx(np.var(units, ddof=1) / len(units))
    assert found.degrees_of_freedom == pytest.approx(len(units) - 1)
    expected = ttest_1samp(units, 0)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    low, high = expected.confidence_interval()
    assert found.ci == pytest.approx((low, high))
    assert (found.p < 0.05) == (not found.ci[0] <= 0 <= found.ci[1])


@given(UNITS, UNITS)
def test_two_sources_give_welchs_test(one: list[float], other: list[float]) -> None:
    found = of_mean(one, "race") - of_mean(other, "gender")
    expected = ttest_ind(one, other, equal_var=False)
    assert found.degrees_of_freedom == pytest.approx(expected.df)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(-10, 10)] * 2), min_size=2, max_size=12))
def test_a_shared_source_gives_the_paired_test(pairs: list[tuple[float, float]]) -> None:
    found = of_mean([a for a, _ in pairs]) - of_mean([b for _, b in pairs])
    alone = of_mean([a - b for a, b in pairs])
    assert found.value == pytest.approx(alone.value)
    assert found.variance == pytest.approx(alone.variance, abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(-10, 10)] * 2), min_size=3, max_size=12))
def test_domains_with_the_same_clusters_are_one_source(pairs: list[tuple[float, float]]) -> None:
    """The third domain has other clusters, and the second one lacks the first cluster."""
    names = [f"topic {n}" for n in range(len(pairs))]

    def named(values: list[float], domain: str, units: list[str]) -> Estimate:
        found = of_mean(values, domain)
        return Estimate(found.value, found.deviations, units={("items", domain): units})

    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    whole = named(first, "race", names) - named(second, "gender", names)
    paired = of_mean([a - b for a, b in pairs])
    assert whole.variance == pytest.approx(paired.variance, abs=1e-9)
    assert whole.item_variance == whole.variance
    if paired.variance > 1e-6:
        assert whole.degrees_of_freedom == pytest.approx(len(pairs) - 1)
    apart = named([1.0, 3.0, 8.0], "religion", ["a", "b", "c"])
    assert (whole - apart).variance == pytest.approx(whole.variance + apart.variance)
    part = named(second[1:], "gender", names[1:])
    shared = weighted_mean([named(first, "race", names), part], [0.5, 0.5])
    rest = np.concatenate([[0.0], part.deviations["items", "gender"]])
    both = 0.5 * (of_mean(first).deviations["items", "race"] + rest)
    assert shared.variance == pytest.approx((both**2).sum())


def test_a_cluster_that_counts_in_one_estimate_only_has_no_deviation_in_the_other() -> None:
    """As a template without a usable reply under one attack, whichever that is."""
    names = ["a", "b", "c", "d"]
    generator = np.random.default_rng(0)

    def over_two_seeds(units: list[str], group: int) -> Estimate:
        values = generator.normal(size=(2, len(units)))
        return over_seeds(
            values.mean(axis=1), {0: values}, domain="race", group=group, units={0: units}
        )

    def by_unit(estimate: Estimate, source: tuple[str, str, int]) -> dict[object, float]:
        units = estimate.units[source]
        return dict(zip(units, estimate.deviations[source].tolist(), strict=True))

    items, seeds = ("items", "race", 0), ("seeds", 1, 0)
    whole, part = over_two_seeds(names, 0), over_two_seeds(["d", "b", "e"], 1)
    difference = whole - part
    one, other = by_unit(whole, items), by_unit(part, items)
    expected = {unit: one.get(unit, 0.0) - other.get(unit, 0.0) for unit in {**one, **other}}
    assert by_unit(difference, items) == pytest.approx(expected)
    assert len(difference.interactions[items, seeds]) == 2 * len(expected)
    assert np.square(difference.interactions[items, seeds]).sum() == pytest.approx(
        np.square(part.interactions[items, seeds]).sum()
    )
    assert 0 < difference.item_variance < difference.variance


def test_a_constant_difference_has_no_variance() -> None:
    found = of_mean([3.0, 5.0]) - of_mean([1.0, 3.0])
    assert (found.variance, found.p, found.ci) == (0.0, 0.0, (2.0, 2.0))
    same = found - found
    assert (same.value, same.p) == (0.0, 1.0)


def test_three_seeds_have_two_degrees_of_freedom() -> None:
    """Without variance between items, p is that of the t test over seeds."""
    without = np.array([-1.5, -2.0, -2.5])
    found = Estimate(-2.0, {("seeds", 0): jackknife(without)})
    spread = math.sqrt(np.var([-3.0, -2.0, -1.0], ddof=1) / 3)
    assert found.p == pytest.approx(2 * t.sf(2.0 / spread, 2))
    assert found.p > 0.05
    assert found.item_variance == 0


def test_item_variance_is_what_remains_with_more_seeds() -> None:
    """Simulated seeds × items with known variances."""
    generator = np.random.default_rng(0)
    found: dict[float, list[tuple[float, float]]] = {0.0: [], 1.0: []}
    for item_variance, estimates in found.items():
        for _ in range(400):
            items = generator.normal(0, item_variance, size=20)
            values = items + generator.normal(0, 2.0, size=(3, 20))
            without = (values.sum(axis=1, keepdims=True) - values) / 19
            it = over_seeds(values.mean(axis=1), {0: without}, domain="race", group=0)
            estimates.append((it.item_variance, it.variance))
    none, some = (np.mean(estimates, axis=0) for estimates in found.values())
    together = 2.0**2 / (3 * 20)
    assert none[0] < 0.4 * together  # never below 0, so above it in the mean
    assert some[0] == pytest.approx(1 / 20, rel=0.1)
    assert none[1] == pytest.approx(2 * together, rel=0.1)  # in both parts: rather too wide


def test_the_difference_of_an_estimate_with_itself_is_zero() -> None:
    values = np.random.default_rng(0).normal(size=(3, 8))
    it = over_seeds(values.mean(axis=1), {0: values}, domain="race", group=0)
    none = it - it
    assert (none.value, none.variance, none.item_variance, none.p) == (0, 0, 0, 1)


def test_nan_is_never_significant() -> None:
    nothing = Estimate(math.nan, {("items", "race"): np.full(5, math.nan)})
    assert nothing.p == 1.0
    unknown = Estimate(-3.0, {("items", "race"): np.full(5, math.nan)})
    assert unknown.p == 1.0
    assert math.isnan(unknown.ci[0])
    single = Estimate(-3.0, {("items", "race"): jackknife(np.array([math.nan]))})
    assert single.p == 1.0
    assert math.isnan(single.ci[0])


def test_a_mean_over_domains_keeps_the_shared_seed_variance() -> None:
    seeds = {("seeds", 0): jackknife(np.array([1.0, 2.0, 3.0]))}
    parts = [
        Estimate(float(n), {**seeds, **of_mean([0.0, 1.0, 5.0], str(n)).deviations})
        for n in range(2)
    ]
    found = weighted_mean(parts, [0.5, 0.5])
    assert found.value == 0.5
    of_seeds = found.variance - found.item_variance
    assert of_seeds == pytest.approx(parts[0].variance - parts[0].item_variance)
    assert found.item_variance == pytest.approx(parts[0].item_variance / 2)


@given(UNITS, st.floats(-3, 3))
def test_the_fieller_interval_agrees_with_the_test_of_the_difference(
    units: list[float], r: float
) -> None:
    """r is in the interval exactly if upper − r lower is not significantly different from 0."""
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


def test_domains_may_share_clusters_of_each_kind() -> None:
    """As the two types of WinoBias, which are about the same occupations."""
    rng = np.random.default_rng(0)
    names = {0: ["cook", "guard", "ceo"], 1: ["cook", "clerk"]}  # the kinds have nothing in common
    parts = [{kind: rng.normal(size=len(it)) for kind, it in names.items()} for _ in range(2)]
    first, second = (
        over_items(0.0, part, domain=domain, units=names)
        for part, domain in zip(parts, ("type1", "type2"), strict=True)
    )
    whole = weighted_mean([first, second], [0.5, 0.5])
    expected = sum(
        np.square(0.5 * (jackknife(parts[0][kind]) + jackknife(parts[1][kind]))).sum()
        for kind in names
    )
    assert whole.variance == pytest.approx(expected)
    assert whole.item_variance == whole.variance
    assert (first - first).variance == 0


def test_seeds_interact_with_each_kind_of_clusters() -> None:
    rng = np.random.default_rng(0)
    without = {0: rng.normal(size=(3, 8)), 1: rng.normal(size=(3, 5))}
    units = {kind: [f"{n}" for n in range(it.shape[1])] for kind, it in without.items()}
    both = over_seeds(np.arange(3.0), without, domain="x", group=0, units=units)
    alone = [
        over_seeds(np.arange(3.0), {kind: part}, domain="x", group=0, units={kind: units[kind]})
        for kind, part in without.items()
    ]
    assert both.item_variance == pytest.approx(sum(it.item_variance for it in alone))
    assert len(both.interactions) == 2
