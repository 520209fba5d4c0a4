"""The fuzz suite in small, the same inputs every time; `make fuzz` tries many more."""

from __future__ import annotations

import pytest

from .bounds import bounded_memory
from .run import fuzz
from .targets import TARGETS

INPUTS = 150
"""Asked for a reader with weight 1."""
AT_LEAST = 2000
"""Tried of all readers together: what SECURITY.md promises."""
TRIED: dict[str, int] = {}
"""By reader, those that have been fuzzed in this process."""


def tried(name: str) -> int:
    """Fuzz a reader; how many inputs it was given."""
    inputs = round(INPUTS * max(0.1, TARGETS[name].weight))
    with bounded_memory():
        TRIED[name] = fuzz(TARGETS[name], inputs).total()
    return TRIED[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_wrong_input_is_refused_in_one_line(name: str) -> None:
    assert tried(name) >= INPUTS * max(0.1, TARGETS[name].weight) / 2


@pytest.mark.slow
def test_ci_tries_enough() -> None:
    for name in TARGETS.keys() - TRIED.keys():  # where this test runs alone
        tried(name)
    total = sum(TRIED.values())
    print(f"{total} inputs: {TRIED}")
    assert total >= AT_LEAST
