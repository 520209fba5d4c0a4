"""The half-life of an effect, and its limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.attacks.half_life import half_life, half_lives
from fairforget.attacks.record import AttackEffect
from fairforget.comparison.score_change import Score

WIDTH = 0.1


def effect(
    attack: str, steps: str, share: float | None, ci: tuple[float, float] | None = None
) -> AttackEffect:
    zero = Score(0.0)
    retained = None if share is None else Score(share, ci)
    return AttackEffect(
        "debiased", attack, steps, "stereoset", "ss", "all", zero, zero, Score(-1.0), retained
    )


def course(*shares: float, width: float = WIDTH) -> list[tuple[int, AttackEffect]]:
    """After 0, 10, 20, … steps."""
    later = [
        (10 * n, effect("relearning", str(10 * n), share, (share - width, share + width)))
        for n, share in enumerate(shares, 1)
    ]
    return [(0, effect("none", "", 1.0)), *later]


def test_a_line_crosses_one_half_where_it_does() -> None:
    steps, (low, high) = half_life(course(0.6, 0.2))
    assert steps == pytest.approx(12.5)
    assert low == pytest.approx(10.0)  # the lower limit is 0.5 after 10 steps
    assert high == pytest.approx(15.0)  # 0.7 → 0.3


def test_more_than_half_is_left() -> None:
    assert half_life(course(0.9, 0.8)) == (None, (20.0, None))


def test_the_upper_limit_may_lie_beyond_the_last_evaluation() -> None:
    steps, (low, high) = half_life(course(0.9, 0.45))
    assert steps is not None
    assert low < steps
    assert high is None


def test_a_share_that_rises_again_has_a_later_half_life() -> None:
    steps, (low, high) = half_life(course(0.25, 0.65, 0.7, width=0.15))
    assert steps is None
    assert low < 10
    assert high is None
    steps, (low, high) = half_life(course(0.25, 0.65, 0.3, width=0.1))
    assert steps == pytest.approx(20 + 10 * 0.15 / 0.35)
    assert low < 10
    assert high == pytest.approx(20 + 10 * 0.25 / 0.35)


def test_an_infinite_interval_limits_nothing() -> None:
    unknown = [(0, effect("none", "", 1.0)), (10, effect("relearning", "10", 0.2))]
    assert half_life(unknown) == (pytest.approx(6.25), (0.0, None))
    unknown.append((20, effect("relearning", "20", 0.1, (0.0, 0.2))))
    assert half_life(unknown)[1] == (0.0, 20.0)


@given(st.lists(st.floats(-1, 1.5), min_size=1, max_size=6), st.floats(0, 0.5))
def test_the_interval_includes_the_half_life(shares: list[float], width: float) -> None:
    steps, (low, high) = half_life(course(*shares, width=width))
    last = 10 * len(shares)
    assert 0 <= low <= last
    assert (math.inf if high is None else high) >= low
    if steps is not None:
        assert low <= steps + 1e-9
        assert high is None or steps <= high + 1e-9
    else:
        assert shares[-1] > 0.5


def test_only_decided_effects_have_one() -> None:
    undecided = [effect("none", "", None), effect("relearning", "10", None)]
    assert half_lives(undecided) == []
    decided = [effect("none", "", 1.0), effect("relearning", "10", 0.2, (0.1, 0.3))]
    (life,) = half_lives(decided)
    assert (life.attack, life.steps) == ("relearning", pytest.approx(6.25))
