"""Numbers as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fairforget.report.wording import format_interval


@pytest.mark.parametrize(
    ("ci", "shown"),
    [
        ((-2.9, -0.0001), "[−2.9, −0.0001]"),
        ((0.0001, 2.9), "[0.0001, 2.9]"),
        ((0.01, 0.04), "[0.01, 0.04]"),
        ((0.0, 1.0), "[0.0, 1.0]"),
        ((-0.01, 1.0), "[0.0, 1.0]"),
    ],
)
def test_a_bound_is_rounded_to_0_only_if_the_interval_includes_0(
    ci: tuple[float, float], shown: str
) -> None:
    assert format_interval(ci) == shown


BOUNDS = st.floats(-9, 9) | st.floats(-0.1, 0.1)


@given(BOUNDS, BOUNDS, st.integers(0, 3))
def test_a_printed_interval_is_on_the_side_of_0_that_it_was_on(
    one: float, other: float, digits: int
) -> None:
    """Unless a bound is too small in size even for the most decimals."""
    ci = min(one, other), max(one, other)
    assume(all(abs(bound) >= 1e-6 or bound == 0 for bound in ci))
    low, high = json.loads(format_interval(ci, digits).replace("−", "-"))
    assert low <= high
    for side in (1, -1):
        assert all(side * v > 0 for v in (low, high)) == all(side * v > 0 for v in ci)
