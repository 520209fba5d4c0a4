"""Equivalence margins."""

from __future__ import annotations

import math

import pytest

from fairforget.benchmarks.measures import MEASURES
from fairforget.errors import InputError
from fairforget.transfer_study.margins import Margins


def test_each_kind_of_score_has_its_margin() -> None:
    margins = Margins(2.0, 0.1)
    for name, measure in MEASURES.items():
        assert margins.of(name) == (2.0 if measure.unit == "points" else 0.1)
    assert margins.of("accuracy of a new benchmark") == 2.0


@pytest.mark.parametrize("name", ["margin", "margin_continuous"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_is_above_0(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} is {value:g}; set it to a finite number above 0"):
        Margins(**{name: value})
