"""Curves of what training logs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SCHEDULE = ("step", "epoch", "learning_rate")
"""Logged quantities that are not plotted as curves."""
LOGGED = {
    "loss": "total loss",
    "forget": "forget loss",
    "retain": "retain loss",
    "likelihood": "probability of target tokens",
    "grad_norm": "gradient norm",
    "perplexity_ratio": "perplexity on a sample of held-out text, relative to the original",
    "everyday_perplexity_ratio": "perplexity on a sample of everyday sentences, relative to the "
    "original",
}
"""Logged quantity → its name on pages."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One logged quantity over the training steps."""

    name: str
    points: str
    """SVG points, x and y from 0 to 100, y downwards."""
    low: str
    high: str
    first: str
    last: str
    steps: tuple[str, str]


def curves(history: Sequence[dict[str, float]]) -> list[Curve]:
    """One curve per quantity with at least two finite values."""
    names = dict.fromkeys(name for row in history for name in row if name not in SCHEDULE)
    result = []
    for name in names:
        points = [
            (float(row.get("step", i)), float(row[name]))
            for i, row in enumerate(history, 1)
            if name in row and math.isfinite(row[name])
        ]
        if len(points) < 2:
            continue
        xs, ys = zip(*points, strict=True)
        low, high = min(ys), max(ys)
        width, height = (max(xs) - min(xs)) or 1.0, (high - low) or 1.0
        flat = high == low
        positions = [
            (
                round((x - min(xs)) / width * 100, 2),
                50.0 if flat else round((high - y) / height * 100, 2),
            )
            for x, y in points
        ]
        result.append(
            Curve(
                name=logged_name(name),
                points=" ".join(f"{x:g},{y:g}" for x, y in positions),
                low=_short(low),
                high=_short(high),
                first=_short(ys[0]),
                last=_short(ys[-1]),
                steps=(f"{min(xs):g}", f"{max(xs):g}"),
            )
        )
    return result


def logged_name(quantity: str) -> str:
    """The name of a logged quantity."""
    return LOGGED.get(quantity, quantity.replace("_", " "))


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
