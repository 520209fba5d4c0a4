"""Degenerate scores: NaN is an error; many ties, or an unknown language, are a warning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairforget.benchmarks.measurement import ALL, Measurement
from fairforget.benchmarks.word_order import FEWEST_IN_ORDER
from fairforget.errors import InputError
from fairforget.records.evaluation import SCORE_PREFIXES
from fairforget.records.schema import size_of

LEAST_TIES = 0.1
"""Share of tied items from which there is a warning."""
LEAST_UNUSABLE = 10.0
"""Unusable replies, in %, from which there is a warning."""


def check_finite_scores(name: str, measurement: Measurement) -> None:
    """Check that no score of a measurement is NaN.

    Raises:
        InputError: one is; names the item.
    """
    for item in measurement.items:
        for field, value in item.items():
            if field.startswith(SCORE_PREFIXES) and isinstance(value, float | int):
                _check(value, f"{name} item {item['id']}: its {field}")
    if isinstance(value := measurement.result.get("value"), float):
        _check(value, f"{name}: the perplexity")


def find_warnings(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Warnings about benchmarks with many ties or unusable replies, or in an unknown language.

    Args:
        results: as in the record of an evaluation.
    """
    warnings = []
    for name, result in results.items():
        total = result.get("domains", {}).get(ALL, {})
        ties, items = total.get("ties") or 0, size_of(total) or 0
        if items and ties >= LEAST_TIES * items:
            warnings.append(
                f"Warning: {name}: {ties} of {items} items are ties: the model finds both versions "
                "equally likely. The score depends more on how ties are counted than on bias."
            )
        in_order = result.get("word_order", {}).get("in_order")
        if in_order is not None and in_order < FEWEST_IN_ORDER:
            warnings.append(
                f"Warning: {name}: the model finds only {in_order:.1f} % of the sentences likelier "
                "than the same words shuffled. It hardly knows the language, so the score says "
                "little about bias."
            )
        shares = {
            context: share
            for context in ("ambiguous", "disambiguated")
            if (share := total.get(f"unusable_{context}") or 0.0) >= LEAST_UNUSABLE
        }
        if shares:
            listed = " and ".join(f"{share:.0f} % in {c} contexts" for c, share in shares.items())
            warnings.append(
                f"Warning: {name}: {listed} of the replies are unusable. They are left out of the "
                "bias score, so it may say little about the model."
            )
    return warnings


def _check(value: float, what: str) -> None:
    if math.isnan(value):
        raise InputError(
            f"{what} is not a number; the model's weights are damaged or training diverged"
        )
