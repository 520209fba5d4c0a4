"""Killed with SIGKILL, the same command finishes as if undisturbed; `make faults` kills more."""

from __future__ import annotations

import re
import subprocess
import sys

KILLS = 20


def test_nothing_is_lost() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--kills", str(KILLS), "--seed", "1"],
        capture_output=True,
        text=True,
    )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = re.search(r"(\d+) kills, nothing lost", ran.stdout)
    assert found
    assert int(found[1]) >= KILLS
