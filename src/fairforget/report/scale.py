"""The scale of a plot: positions in % of its width, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairforget.report.wording import ValueWithInterval, format_number, format_signed

MAX_VALUE = 1e9
"""Largest absolute value on an axis."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in % of the width."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point and its interval, in % of the width."""

    x: float
    low: float
    high: float


class Scale:
    """Maps values to % of the width, with a margin at both ends and round ticks."""

    def __init__(
        self, values: Sequence[float], *, floor: float = -math.inf, narrowest: float = 1.0
    ) -> None:
        """Span the given values.

        Values beyond `MAX_VALUE` do not widen the axis and are drawn at its end.

        Args:
            values: to be shown.
            floor: start of the axis at the earliest; a round number.
            narrowest: the least width, so that noise does not fill the axis.
        """
        finite = [value for value in values if abs(value) <= MAX_VALUE] or [0.0]
        low, high = min(finite), max(finite)
        width = max(high - low, narrowest)
        steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100, math.inf)
        step = next(s for s in steps if width / s <= 6)
        step = width if math.isinf(step) else step
        self.low = max(math.floor(low / step - 0.25) * step, floor)
        self.high = math.ceil(high / step + 0.25) * step
        self._step = step

    @classmethod
    def over(cls, zero: float, scores: Iterable[ValueWithInterval], **options: float) -> Scale:
        """Return a scale that includes a value, and scores with their intervals."""
        return cls([zero, *(v for s in scores for v in (s.value, *(s.ci or ())))], **options)

    def x(self, value: float) -> float:
        """Position of a value, in %."""
        value = min(max(self.low, value), self.high)
        return round((value - self.low) / (self.high - self.low) * 100, 3)

    def ticks(self, *, sign: bool = False) -> list[Tick]:
        """Ticks at round values; with `sign`, positive ones have a plus."""
        count = round((self.high - self.low) / self._step)
        values = [self.low + i * self._step for i in range(count + 1)]
        digits = max(0, math.ceil(-math.log10(self._step) - 1e-9))
        form = format_signed if sign else format_number
        return [Tick(self.x(v), form(v, digits)) for v in values]

    def mark(self, score: ValueWithInterval) -> Mark:
        """A score and its interval; without an interval, both ends are the score."""
        low, high = score.ci or (score.value, score.value)
        return Mark(self.x(score.value), self.x(low), self.x(high))
