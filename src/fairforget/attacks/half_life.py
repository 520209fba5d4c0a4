"""The half-life of an effect: the number of training steps after which half of it is left."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fairforget.attacks.plan import NONE, TRAINED
from fairforget.attacks.record import Effect, HalfLife


def half_lives(effects: Sequence[Effect]) -> list[HalfLife]:
    """Return the half-life of each decided effect under each attack that trains.

    Args:
        effects: of one or several runs.
    """
    plain = [effect for effect in effects if effect.attack == NONE and effect.retained]
    lives = []
    for start in plain:
        for attack in TRAINED:
            key = (start.run, attack, start.benchmark, start.measure, start.domain)
            later = [
                e for e in effects if (e.run, e.attack, e.benchmark, e.measure, e.domain) == key
            ]
            if later:
                steps, ci = half_life([(0, start), *((int(e.strength), e) for e in later)])
                lives.append(HalfLife(*key, steps=steps, ci=ci))
    return lives


def half_life(
    course: Sequence[tuple[int, Effect]],
) -> tuple[float | None, tuple[float, float | None]]:
    """Return the half-life of one effect, and its 95 % interval.

    The interval follows Brookmeyer and Crowley (1982), who give one for a median survival time. It
    runs from the step at which the lower limit of the retained share first falls to one half to the
    step at which the upper limit does. Between evaluations, the share and its limits are
    interpolated linearly.

    Args:
        course: (steps, effect) in ascending order, from 0 steps.

    Returns:
        The half-life, None beyond the last evaluation; and the limits, of which the upper one may
        be None for the same reason.
    """
    steps = [step for step, _ in course]
    shares = [effect.retained.value if effect.retained else math.nan for _, effect in course]
    limits = [_limits(effect) for _, effect in course]
    low, high = (_first_crossing(steps, [pair[side] for pair in limits]) for side in (0, 1))
    return _first_crossing(steps, shares), (steps[-1] if low is None else low, high)


def _limits(effect: Effect) -> tuple[float, float]:
    if effect.attack == NONE:
        return 1.0, 1.0
    unknown = (-math.inf, math.inf)
    return unknown if effect.retained is None else effect.retained.ci or unknown


def _first_crossing(steps: Sequence[int], shares: Sequence[float]) -> float | None:
    """Return the number of steps at which the share first falls to one half; None if never."""
    for index in range(1, len(steps)):
        before, after = shares[index - 1], shares[index]
        if after <= 0.5:
            if math.isinf(after):  # an unbounded lower limit: anywhere after the previous one
                return float(steps[index - 1])
            if math.isinf(before):  # an unbounded upper limit: anywhere before this one
                return float(steps[index])
            part = (before - 0.5) / (before - after)
            return steps[index - 1] + part * (steps[index] - steps[index - 1])
    return None
