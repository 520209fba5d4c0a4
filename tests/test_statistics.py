"""Intervals and tests: properties for any data, and textbook values."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairforget import statistics
from fairforget.statistics import (
    adjust_holm,
    bootstrap_totals,
    cluster_rates,
    cluster_sums,
    holm,
    interaction,
    interval,
    jackknife,
    leave_one_out,
    mcnemar,
)

RATES = st.lists(st.floats(0, 100), min_size=1, max_size=40)
P_VALUES = st.lists(st.floats(0, 1), max_size=30)


def means(values: np.ndarray, *, seed: int = 0, resamples: int = 2_000) -> np.ndarray:
    """Bootstrap draws of the mean."""
    return bootstrap_totals(values, seed=seed, resamples=resamples) / len(values)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-10, 10)), min_size=1, max_size=50))
def test_clusters_have_the_mean_of_their_items(items: list[tuple[int, float]]) -> None:
    names, rates = cluster_rates([v for _, v in items], [c for c, _ in items])
    assert names == list(dict.fromkeys(c for c, _ in items))
    for name, rate in zip(names, rates, strict=True):
        assert rate == pytest.approx(np.mean([v for c, v in items if c == name]))
    _, sums = cluster_sums([v for _, v in items], [c for c, _ in items])
    assert sums.sum() == pytest.approx(sum(v for _, v in items), abs=1e-9)


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 99))
def test_every_measure_is_summed_by_itself(clusters: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(len(clusters), 2))
    for function in (cluster_sums, cluster_rates):
        names, both = function(values, clusters)
        assert names == list(dict.fromkeys(clusters))
        assert both.shape == (len(names), 2)
        for column in (0, 1):
            assert function(values[:, column], clusters)[1] == pytest.approx(both[:, column])


def test_verdicts_are_counted_as_numbers() -> None:
    _, sums = cluster_sums([True, True, False], ["a", "a", "b"])
    assert sums.tolist() == [2.0, 0.0]
    assert sums.dtype == np.float64


@settings(max_examples=20)
@given(RATES, st.integers(0, 100))
def test_draws_stay_within_the_data_and_centre_on_its_mean(rates: list[float], seed: int) -> None:
    values = np.array(rates)
    draws = means(values, seed=seed)
    assert draws.min() >= values.min() - 1e-9
    assert draws.max() <= values.max() + 1e-9
    error = values.std() / np.sqrt(len(values)) / np.sqrt(2000)
    assert draws.mean() == pytest.approx(values.mean(), abs=6 * error + 1e-9)


def test_draws_have_the_variance_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=200)
    draws = means(values, resamples=20_000)
    assert draws.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.03)


def test_measures_are_resampled_together() -> None:
    values = np.random.default_rng(1).normal(size=(30, 2))
    values = np.column_stack([values, values.sum(axis=1)])
    draws = bootstrap_totals(values)
    assert draws[:, 2] == pytest.approx(draws[:, 0] + draws[:, 1])


@given(st.integers(1, 9), st.integers(0, 99))
def test_a_draw_is_the_total_of_as_many_clusters_drawn_with_replacement(n: int, seed: int) -> None:
    sums = np.random.default_rng(seed + 1).normal(size=(n, 2))
    drawn = np.random.default_rng(seed).integers(n, size=(50, n), dtype=np.int32)
    draws = bootstrap_totals(sums, seed=seed, resamples=50)
    assert draws == pytest.approx(sums[drawn].sum(axis=1))
    assert bootstrap_totals(sums[:, 0], seed=seed, resamples=50) == pytest.approx(draws[:, 0])


def test_ten_thousand_draws_from_seed_0_by_default() -> None:
    sums = np.arange(5.0)
    assert (bootstrap_totals(sums) == bootstrap_totals(sums, seed=0, resamples=10_000)).all()


@pytest.mark.parametrize("at_once", [1, 70, 1000])
def test_draws_do_not_depend_on_the_chunk_size(at_once: int, monkeypatch) -> None:
    values = np.random.default_rng(1).normal(size=(7, 3))
    whole = bootstrap_totals(values, resamples=101)
    monkeypatch.setattr(statistics, "MAX_INDICES", at_once)
    assert bootstrap_totals(values, resamples=101) == pytest.approx(whole)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(1, 9)), min_size=2, max_size=40))
def test_jackknife_estimates_the_variance_of_a_mean(units) -> None:
    sums = np.array(units)
    without = leave_one_out(sums)
    assert without[0] == pytest.approx(sums[1:].sum(axis=0))
    n = len(sums)
    deviations = jackknife(without[:, 0] / (n - 1))
    assert (deviations**2).sum() == pytest.approx(sums[:, 0].var(ddof=1) / n, abs=1e-9)


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3))
def test_each_unit_is_left_out_once(seeds: int, units: int, measures: int) -> None:
    sums = np.random.default_rng(0).normal(size=(seeds, units, measures))
    without = leave_one_out(sums)
    assert without.shape == sums.shape
    for unit in range(units):
        others = np.delete(sums, unit, axis=1)
        assert without[:, unit] == pytest.approx(others.sum(axis=1))


@given(st.integers(2, 5), st.integers(2, 9), st.integers(0, 99))
def test_interaction_is_that_of_an_analysis_of_variance(seeds: int, units: int, luck: int) -> None:
    values = np.random.default_rng(luck).normal(size=(seeds, units))
    without = (values.sum(axis=1, keepdims=True) - values) / (units - 1)
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    square = (rest**2).sum() / ((seeds - 1) * (units - 1))
    assert (interaction(without) ** 2).sum() == pytest.approx(square / (seeds * units))
    additive = values[:1] + values[:, :1]
    assert interaction(additive) == pytest.approx(0, abs=1e-12)


def test_jackknife_agrees_with_the_bootstrap() -> None:
    """For a ratio of sums, such as the stereotype score."""
    sums = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    rates = leave_one_out(sums)
    draws = bootstrap_totals(sums, resamples=20_000)
    assert np.sqrt((jackknife(rates[:, 0] / rates[:, 1]) ** 2).sum()) == pytest.approx(
        (draws[:, 0] / draws[:, 1]).std(), rel=0.05
    )


def test_the_seed_determines_the_draws() -> None:
    values = np.arange(50.0)
    assert (means(values, seed=3) == means(values, seed=3)).all()
    assert (means(values, seed=3) != means(values, seed=4)).any()


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=200))
def test_interval_is_ordered_and_has_its_coverage(values: list[float]) -> None:
    draws = np.array(values)
    low, high = interval(draws)
    assert draws.min() <= low <= high <= draws.max()
    assert ((draws >= low) & (draws <= high)).mean() >= 0.9 or len(draws) < 20


def test_interval_leaves_a_fortieth_on_each_side() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))
    assert all(type(bound) is float for bound in interval(np.arange(3.0)))


def test_interval_ignores_nan_draws() -> None:
    assert interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)
    assert np.isnan(interval(np.array([np.nan]))).all()


def test_ten_thousand_resamples_of_both_benchmarks_in_two_seconds() -> None:
    # StereoSet has 79 terms in 4 domains, CrowS-Pairs 1,508 pairs in 9; each once more for "all"
    sizes = [24, 40, 12, 3, 79, 516, 262, 172, 159, 105, 87, 84, 63, 60, 1508]
    tables = [np.random.default_rng(n).random((n, 3)) for n in sizes]
    start = time.process_time()
    for table in tables:
        bootstrap_totals(table)
    assert time.process_time() - start < 2


def test_mcnemar_values() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == pytest.approx(2 * 0.5**5)
    assert mcnemar(6, 1) == pytest.approx(2 * (1 + 7) * 0.5**7)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_symmetric_and_a_probability(b: int, c: int) -> None:
    assert mcnemar(b, c) == pytest.approx(mcnemar(c, b))
    assert 0 < mcnemar(b, c) <= 1


def test_holm_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert len(adjusted) == len(p)
    for one, other in zip(p, adjusted, strict=True):
        assert one <= other <= min(1.0, one * len(p)) or other == pytest.approx(one)
    order = sorted(range(len(p)), key=p.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_a_family_is_corrected_by_itself() -> None:
    tests = {
        "a": ("gender", 0.01),
        "b": ("race", 0.02),
        "c": ("gender", 0.04),
        "d": (None, 0.001),
        "e": ("gender", 0.03),
    }
    found = adjust_holm(tests)
    assert list(found) == list(tests)
    assert found == pytest.approx({"a": 0.03, "b": 0.02, "c": 0.06, "d": 1.0, "e": 0.06})
    assert adjust_holm({}) == {}
