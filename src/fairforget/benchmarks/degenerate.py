"""Scores of a model that is broken, or that cannot tell sentences apart: refused, or doubted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairforget.benchmarks.measurement import ALL, Measurement
from fairforget.errors import InputError
from fairforget.records.evaluation import SCORE_PREFIXES
from fairforget.records.schema import size_of

MANY_TIES = 0.1
"""Share of an evaluation's items with equal scores from which on its results are doubted."""


def check_finite_scores(name: str, measured: Measurement) -> None:
    """Refuse a measurement with scores that are no numbers.

    Raises:
        InputError: there is one; names the item.
    """
    for item in measured.items:
        for field, value in item.items():
            if field.startswith(SCORE_PREFIXES) and isinstance(value, float | int):
                _check(value, f"{name} item {item['id']}: its {field}")
    if isinstance(value := measured.result.get("value"), float):
        _check(value, f"{name}: the perplexity")


def find_warnings(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why scores say little: too many ties.

    Args:
        results: as in the record of an evaluation.
    """
    doubts = []
    for name, result in results.items():
        whole = result.get("domains", {}).get(ALL, {})
        ties, items = whole.get("ties") or 0, size_of(whole) or 0
        if items and ties >= MANY_TIES * items:
            doubts.append(
                f"Warning: {name}: {ties} of {items} items are ties: the model finds both versions "
                "equally likely. Its score says how ties are counted, not how biased it is."
            )
    return doubts


def _check(value: float, what: str) -> None:
    if math.isnan(value):
        raise InputError(f"{what} is not a number; the model's weights are damaged or diverged")
