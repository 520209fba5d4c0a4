"""Without disk, memory, handles, permission: one line, a status, and no earlier result lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from .starved import COMMANDS, RUNS

pytestmark = pytest.mark.processes

SAID = {
    "read-only disk": "Read-only file system",
    "closed directory": "Permission denied",
    "full disk": "No space left on device",
    "few file handles": "Too many open files",
    "little memory": "Cannot allocate memory",
    "another process": "is in use by another process",
}
HARMLESS = ("no temporary directory", "clock")


@pytest.fixture(scope="module")
def ended() -> dict[tuple[str, str], dict[str, Any]]:
    """What befell each command, by what it lacked; in a process that may be starved."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.starved"],
        capture_output=True,
        text=True,
        env={**os.environ, "DS_ACCELERATOR": "cpu"},  # or DeepSpeed says on stdout what it found
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    facts = map(json.loads, ran.stdout.splitlines())
    return {(one["what"], one["command"]): one for one in facts}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", SAID)
def test_refused_in_one_line(ended, what: str, command: str) -> None:
    if command not in RUNS and what in ("another process", "little memory"):
        pytest.skip("it writes whole files and keeps no directory, and needs little memory")
    if what.endswith("disk") and (what, command) not in ended:
        without = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        without("mounting a small file system needs root")
    facts = ended[what, command]
    assert facts["code"] == 2, facts
    assert SAID[what] in facts["last"], facts
    assert facts["last"].startswith("fairforget: ")
    assert not facts["traceback"]
    if facts["then"] is not None:
        assert facts["then"] == [], "the same command finishes, or finds nothing that is in its way"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", HARMLESS)
def test_does_not_matter(ended, what: str, command: str) -> None:
    facts = ended[what, command]
    assert facts["code"] == 0, facts
    assert facts["then"] == []
