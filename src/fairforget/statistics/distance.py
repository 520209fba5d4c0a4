"""The change of a score's distance from no bias, near no bias and far from it.

With the change d of a score and its midpoint m (halfway between before and after, measured from the
score of a model without bias), the distance |score − no bias| changes by

    |m + d/2| − |m − d/2| = sign(d · m) · min(|d|, 2 |m|).

Far from no bias this is ± d. Near it, the distance has a kink at which neither a jackknife nor a
bootstrap of the distance itself is valid: a score that goes from 52 to 48 keeps its distance. The
interval is therefore the hull of the right-hand side over the 95 % intervals of d and of m. It
excludes 0 exactly if both intervals do, so the p-value is the larger of the two: the distance
changed only if the score changed and it is known on which side of no bias (intersection-union test,
Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from fairforget.statistics.estimate import Estimate, ratio, weighted_mean


@dataclass(frozen=True, slots=True)
class DistanceChange:
    """A change of distance from no bias, or the mean of several."""

    estimate: Estimate
    """The change, with the deviations of the score's change in its direction."""
    widening: tuple[float, float]
    """How far the interval extends beyond that of `estimate` below and above; 0 far from no bias.
    A negative number narrows it."""
    p: float
    """Two-sided p-value of the hypothesis that the distance did not change; 1 for NaN."""
    midpoint: Estimate | None = None
    """Halfway between the two scores, measured from no bias; None for a mean of several changes."""

    @property
    def value(self) -> float:
        """The change; below 0, the score came closer to no bias."""
        return self.estimate.value

    @property
    def ci(self) -> tuple[float, float]:
        """95 % interval."""
        (low, high), (below, above) = self.estimate.ci, self.widening
        return low - below, high + above

    def p_fell_by(self, margin: float) -> float:
        """One-sided p-value of the hypothesis that the distance fell by `margin` or more.

        It is small where the lower bound of the change is clearly above −`margin`, and 1 where no
        cluster changed, so that nothing is known of the variance.
        """
        if not self.estimate.variance:
            return 1.0
        return self.estimate.p_below(self.value + margin - max(0.0, self.widening[0]))


def distance_change(
    change: Estimate, midpoint: Estimate, unbiased_score: float, value: float
) -> DistanceChange:
    """The change of a score's distance from no bias.

    Args:
        change: of the score.
        midpoint: halfway between the two scores that are compared.
        unbiased_score: the score of a model without bias.
        value: the change of distance. Over several seeds it is the mean of their distances, which
            differs from that of their mean where seeds lie on both sides of no bias. The interval
            includes it.
    """
    midpoint = replace(midpoint, value=midpoint.value - unbiased_score)
    side = -1.0 if midpoint.value < 0 else 1.0
    estimate = replace(weighted_mean([change], [side]), value=value)
    corners = [
        math.copysign(min(abs(d), 2 * abs(m)), d * m) for d in change.ci for m in midpoint.ci
    ]
    low, high = estimate.ci
    hull = np.array([value, *corners])  # NaN if one of them is
    same_direction = math.copysign(1.0, value) == side * math.copysign(1.0, change.value)
    return DistanceChange(
        estimate,
        widening=(low - float(hull.min()), float(hull.max()) - high),
        p=max(change.p, midpoint.p) if value and same_direction else 1.0,
        midpoint=midpoint,
    )


def mean_distance_change(parts: Sequence[DistanceChange]) -> DistanceChange | None:
    """The mean change over domains; None if there are none.

    Its interval is that of the mean of the score's changes, each in its direction, widened by the
    mean of what the parts' intervals are widened by.
    """
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    weights = [1 / len(parts)] * len(parts)
    below, above = (
        sum(max(0.0, part.widening[side]) for part in parts) / len(parts) for side in (0, 1)
    )
    estimate = weighted_mean([part.estimate for part in parts], weights)
    excess = abs(estimate.value) - (above if estimate.value < 0 else below)
    p = min(1.0, 2 * estimate.p_below(excess)) if excess > 0 else 1.0
    return DistanceChange(estimate, (below, above), p)


def ratio_of_changes(
    upper: DistanceChange, lower: DistanceChange
) -> tuple[float, tuple[float, float]] | None:
    """`upper` ÷ `lower`, with a 95 % interval.

    It is the hull of Fieller's intervals for all values that the widenings of the two allow.

    Returns:
        The ratio and its interval; None if Fieller's interval is infinite for one of the values.
    """
    quotient = ratio(upper.estimate, lower.estimate)
    intervals = [
        part[1] if (part := ratio(above, below)) else None
        for above, below in product(_shifted(upper), _shifted(lower))
    ]
    known = [interval for interval in intervals if interval]
    if quotient is None or len(known) < len(intervals):
        return None
    return quotient[0], (min(low for low, _ in known), max(high for _, high in known))


def _shifted(change: DistanceChange) -> list[Estimate]:
    """The estimate, and where its widening allows it to lie."""
    below, above = (max(0.0, width) for width in change.widening)
    value = change.estimate.value
    shifts = dict.fromkeys((value, value - below, value + above))
    return [replace(change.estimate, value=shifted) for shifted in shifts]
