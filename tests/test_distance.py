"""The change of a distance from no bias: its value, its interval and its p-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from fairforget.statistics.distance import (
    DistanceChange,
    distance_change,
    mean_distance_change,
    ratio_of_changes,
)
from fairforget.statistics.estimate import Estimate, ratio

from .test_estimate import of_mean

UNBIASED = 50.0
NUMBERS = st.floats(-8, 8).map(lambda x: round(x, 2))
UNITS = st.lists(NUMBERS, min_size=3, max_size=10).filter(lambda u: np.ptp(u) > 0.1)


def distance(d: float, m: float) -> float:
    """The change of |score − no bias| between m − d/2 and m + d/2, measured from no bias."""
    return abs(m + d / 2) - abs(m - d / 2)


def change_of(changes: list[float], midpoints: list[float], domain: str = "race") -> DistanceChange:
    """The change of distance with these units of the change and of the midpoint."""
    change, midpoint = of_mean(changes, domain), of_mean(midpoints, f"midpoint of {domain}")
    value = distance(change.value, midpoint.value)
    shifted = Estimate(midpoint.value + UNBIASED, midpoint.deviations)
    return distance_change(change, shifted, UNBIASED, value)


@given(UNITS, UNITS)
def test_the_interval_is_the_hull_over_both_intervals(
    changes: list[float], midpoints: list[float]
) -> None:
    found = change_of(changes, midpoints)
    ends = [of_mean(units).ci for units in (changes, midpoints)]
    d, m = np.meshgrid(*(np.linspace(*end, 41) for end in ends))
    values = np.abs(m + d / 2) - np.abs(m - d / 2)
    assert found.ci[0] == pytest.approx(values.min(), abs=1e-9)
    assert found.ci[1] == pytest.approx(values.max(), abs=1e-9)
    assert found.ci[0] - 1e-9 <= found.value <= found.ci[1] + 1e-9


@given(UNITS, UNITS)
def test_p_and_interval_agree(changes: list[float], midpoints: list[float]) -> None:
    found = change_of(changes, midpoints)
    low, high = found.ci
    if min(abs(low), abs(high)) > 1e-6 and abs(found.p - 0.05) > 1e-6:
        assert (found.p < 0.05) == (low > 0 or high < 0)
    of_change, of_midpoint = (of_mean(units).p for units in (changes, midpoints))
    assert found.p == pytest.approx(max(of_change, of_midpoint) if found.value else 1.0)


@pytest.mark.parametrize("side", [1, -1])
def test_far_from_no_bias_it_is_the_change_of_the_score(side: int) -> None:
    changes, midpoints = [-2.0, -1.0, -3.0, -2.5], [20.0 * side, 21.0 * side, 19.0 * side]
    found, change = change_of(changes, midpoints), of_mean(changes)
    assert found.value == pytest.approx(side * change.value)
    assert found.ci == pytest.approx(change.ci if side > 0 else (-change.ci[1], -change.ci[0]))
    assert found.widening == pytest.approx((0, 0))
    assert found.p == pytest.approx(change.p)


def test_a_score_that_passes_no_bias_keeps_its_distance() -> None:
    found = change_of([-4.0, -4.2, -3.8, -4.0], [0.1, -0.1, 0.05, -0.05])
    assert found.value == 0
    assert found.p == 1.0
    assert found.ci[0] < 0 < found.ci[1]


def test_seeds_on_both_sides_of_no_bias_decide_nothing() -> None:
    """The mean of their distances rises, although their mean comes closer."""
    change, midpoint = of_mean([-4.0, -4.2, -3.8]), of_mean([52.1, 52.0, 51.9])
    found = distance_change(change, midpoint, UNBIASED, value=0.5)
    assert found.p == 1.0
    assert found.ci[0] <= found.value <= found.ci[1]


def test_nan_is_never_significant() -> None:
    unknown = Estimate(-3.0, {("items", "race"): np.full(5, math.nan)})
    found = distance_change(unknown, of_mean([60.0, 61.0, 62.0]), UNBIASED, -3.0)
    assert found.p == 1.0
    assert math.isnan(found.ci[0])


@given(UNITS, st.floats(0.1, 5))
def test_a_fall_of_the_margin_is_excluded_as_by_a_t_test(units: list[float], by: float) -> None:
    found = change_of(units, [40.0, 41.0, 42.0])
    expected = ttest_1samp(units, -by, alternative="greater").pvalue
    assert found.p_fell_by(by) == pytest.approx(expected, abs=1e-9)


def test_near_no_bias_a_fall_is_harder_to_exclude() -> None:
    changes = [0.5, 0.6, 0.7, 0.4]
    far, near = change_of(changes, [40.0, 41.0, 42.0]), change_of(changes, [0.2, -0.4, 0.3])
    assert near.widening[0] > 0
    assert near.p_fell_by(1.0) > 2 * far.p_fell_by(1.0)


def test_without_variance_no_fall_is_excluded() -> None:
    assert change_of([0.0, 0.0, 0.0], [5.0, 6.0, 7.0]).p_fell_by(1.0) == 1.0


def test_the_mean_of_one_change_is_itself() -> None:
    found = change_of([-2.0, -1.0, -3.0], [20.0, 21.0, 19.0])
    assert mean_distance_change([found]) is found
    assert mean_distance_change([]) is None


@given(UNITS, UNITS)
def test_the_mean_of_changes_far_from_no_bias_is_that_of_the_scores(
    one: list[float], other: list[float]
) -> None:
    parts = [change_of(one, [40.0, 41.0, 42.0]), change_of(other, [-40.0, -41.0, -42.0], "age")]
    found = mean_distance_change(parts)
    assert found is not None
    assert found.value == pytest.approx((np.mean(one) - np.mean(other)) / 2)
    assert found.widening == pytest.approx((0, 0))
    assert found.ci == pytest.approx(found.estimate.ci)
    if abs(found.value) > 1e-6:
        assert found.p == pytest.approx(found.estimate.p)


def test_the_mean_is_widened_by_the_mean_of_its_parts() -> None:
    far, near = change_of([-2.0, -1.0, -3.0], [40.0, 41.0, 42.0]), change_of([1, 2, 3], [0, 1, 2])
    found = mean_distance_change([far, near])
    assert found is not None
    assert found.widening == pytest.approx([max(0, w) / 2 for w in near.widening])
    low, high = found.estimate.ci
    assert found.ci == pytest.approx((low - found.widening[0], high + found.widening[1]))
    assert (found.p < 0.05) == (found.ci[0] > 0 or found.ci[1] < 0)


WIDTHS = st.tuples(st.floats(-1, 3), st.floats(-1, 3))


@given(UNITS, UNITS, WIDTHS, WIDTHS)
def test_a_ratio_is_as_uncertain_as_the_widened_changes(
    units: list[float],
    others: list[float],
    upper_width: tuple[float, float],
    lower_width: tuple[float, float],
) -> None:
    """All of its parts, wherever their widenings put them, have their interval inside."""
    upper, lower = of_mean(units, "race"), of_mean(others, "gender")
    narrow = ratio(upper, lower)
    found = ratio_of_changes(
        DistanceChange(upper, upper_width, 1.0), DistanceChange(lower, lower_width, 1.0)
    )
    if max(*upper_width, *lower_width) <= 0:
        assert found == narrow
    if found is None:
        return
    value, (low, high) = found
    assert narrow is not None
    assert value == narrow[0]
    for side, sign in enumerate((-1, 1)):
        moved = Estimate(upper.value + sign * max(0.0, upper_width[side]), upper.deviations)
        part = ratio(moved, lower)
        assert part is not None
        assert low <= part[1][0]
        assert part[1][1] <= high
