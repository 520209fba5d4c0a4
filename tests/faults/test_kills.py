"""Killed with SIGKILL, the same command finishes as if undisturbed; `make faults` kills more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

KILLS = 8


def test_nothing_is_lost(tmp_path: Path) -> None:
    kept = tmp_path / "faults.json"
    counted = ["--little", "--kills", str(KILLS), "--seed", "1", "--results", str(kept)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults", *counted],
        capture_output=True,
        text=True,
    )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = re.search(r"(\d+) kills, nothing lost", ran.stdout)
    assert found
    assert int(found[1]) >= KILLS
    done = json.loads(kept.read_text())
    assert done["kills"] == int(found[1]) == sum(done["commands"].values())
    assert 0 < done["finished"] == done["resumed"] <= done["kills"]
