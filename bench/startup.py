"""How long `fairforget --help` takes, as a ratio to a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time

TURNS = 7
HELP = ("-m", "fairforget", "--help")
BARE = ("-c", "pass")


def measure() -> dict[str, float | int | str]:
    """The least of several turns of both, taken alternately."""
    taken: dict[tuple[str, ...], list[float]] = {BARE: [], HELP: []}
    for _ in range(TURNS):
        for arguments, seconds in taken.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
    bare, help_ = min(taken[BARE]), min(taken[HELP])
    return {"ratio": help_ / bare, "seconds": help_, "bare_seconds": bare}
