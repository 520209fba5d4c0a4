"""Time of `fairforget --help`, relative to an empty Python program."""

from __future__ import annotations

import subprocess
import sys
import time

TURNS = 7
HELP = ("-m", "fairforget", "--help")
BARE = ("-c", "pass")


def measure() -> dict[str, float | int | str]:
    """Return the minimum of several alternating runs of both."""
    times: dict[tuple[str, ...], list[float]] = {BARE: [], HELP: []}
    for _ in range(TURNS):
        for arguments, seconds in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
    bare, help_ = min(times[BARE]), min(times[HELP])
    return {"ratio": help_ / bare, "seconds": help_, "bare_seconds": bare}
