"""The fuzz suite in small, the same inputs every time; `make fuzz` tries many more."""

from __future__ import annotations

import pytest

from .bounds import bounded_memory
from .run import fuzz
from .targets import TARGETS

INPUTS = 150
"""Of a reader with weight 1; together more than 2,000."""


@pytest.mark.parametrize("name", TARGETS)
def test_wrong_input_is_refused_in_one_line(name: str) -> None:
    inputs = round(INPUTS * max(0.1, TARGETS[name].weight))
    with bounded_memory():
        counts = fuzz(TARGETS[name], inputs)
    assert counts.total() >= inputs / 2


def test_ci_tries_enough() -> None:
    assert sum(round(INPUTS * max(0.1, target.weight)) for target in TARGETS.values()) >= 2500
