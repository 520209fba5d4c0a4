"""Intervals and tests: properties for any data, and textbook values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.statistics.jackknife import (
    cluster_rates,
    cluster_sums,
    interaction,
    jackknife,
    leave_one_out,
)
from fairforget.statistics.significance import adjust_holm, holm, mcnemar

RATES = st.lists(st.floats(0, 100), min_size=1, max_size=40)
P_VALUES = st.lists(st.floats(0, 1), max_size=30)


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
    drawn = np.random.default_rng(1).integers(60, size=(20_000, 60))
    draws = sums[drawn].sum(axis=1)
    assert np.sqrt((jackknife(rates[:, 0] / rates[:, 1]) ** 2).sum()) == pytest.approx(
        (draws[:, 0] / draws[:, 1]).std(), rel=0.05
    )


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
