"""Killed with SIGKILL, the same command finishes as if undisturbed; `make faults` kills more."""

from __future__ import annotations

import re
from concurrent.futures import Future

from .conftest import KILLS, Ran


def test_nothing_is_lost(suites: dict[str, Future[Ran]]) -> None:
    ran = suites["kills"].result()
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = re.search(r"(\d+) kills, nothing lost", ran.stdout)
    assert found
    assert int(found[1]) >= KILLS
