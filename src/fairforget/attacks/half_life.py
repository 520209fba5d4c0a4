"""The half-life of an effect: the number of training steps after which half of it is left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fairforget.attacks.plan import NONE, TRAINED
from fairforget.attacks.record import AttackEffect, HalfLife, course_of


def half_lives(effects: Sequence[AttackEffect]) -> list[HalfLife]:
    """Return the half-life of each decided effect under each attack that trains.

    Args:
        effects: of one or several runs.
    """
    plain = [effect for effect in effects if effect.attack == NONE and effect.retained]
    lives = []
    for start in plain:
        for attack in TRAINED:
            course = course_of(replace(start, attack=attack))
            later = [effect for effect in effects if course_of(effect) == course]
            if later:
                steps, ci = half_life([(0, start), *((int(e.strength), e) for e in later)])
                lives.append(HalfLife(*course, steps=steps, ci=ci))
    return lives


def half_life(
    course: Sequence[tuple[int, AttackEffect]],
) -> tuple[float | None, tuple[float, float | None]]:
    """Return the half-life of one effect, and its 95 % interval.

    It is the number of steps from which on at most half of the effect is left. The interval follows
    Brookmeyer and Crowley (1982), who give one for a median survival time: it starts where the
    lower limit of the retained share first falls to one half, and ends where the upper limit does
    so for good. Between evaluations, the share and its limits are interpolated linearly.

    Args:
        course: (steps, effect) in ascending order, from 0 steps.

    Returns:
        The half-life, None beyond the last evaluation; and the limits, of which the upper one may
        be None for the same reason.
    """
    steps = [step for step, _ in course]
    shares = [effect.retained.value if effect.retained else math.nan for _, effect in course]
    lower, upper = zip(*(_limits(effect) for _, effect in course), strict=True)
    first = next(iter(_crossings(steps, lower)), None)
    low = steps[-1] if first is None else first
    return _last_crossing(steps, shares), (low, _last_crossing(steps, upper))


def _limits(effect: AttackEffect) -> tuple[float, float]:
    if effect.attack == NONE:
        return 1.0, 1.0
    unknown = (-math.inf, math.inf)
    return unknown if effect.retained is None else effect.retained.ci or unknown


def _crossings(steps: Sequence[int], shares: Sequence[float]) -> Iterator[float]:
    """Yield the numbers of steps at which the share falls to one half."""
    for index in range(1, len(steps)):
        before, after = shares[index - 1], shares[index]
        if before <= 0.5 or after > 0.5:
            continue
        if math.isinf(after):  # an unbounded lower limit: anywhere after the previous one
            yield float(steps[index - 1])
        elif math.isinf(before):  # an unbounded upper limit: anywhere before this one
            yield float(steps[index])
        else:
            part = (before - 0.5) / (before - after)
            yield steps[index - 1] + part * (steps[index] - steps[index - 1])


def _last_crossing(steps: Sequence[int], shares: Sequence[float]) -> float | None:
    """Return where the share falls to one half for good; None if more is left in the end."""
    return [*_crossings(steps, shares)][-1] if shares[-1] <= 0.5 else None
