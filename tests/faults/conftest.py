"""The two long suites, each a process of its own, side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

Ran = subprocess.CompletedProcess[str]
KILLS = 20


@pytest.fixture(scope="session")
def suites() -> Iterator[dict[str, Future[Ran]]]:
    """What `starved` and `kills` will have printed; both begin when the first is asked for."""
    modules = {
        "starved": ("tests.faults.starved",),
        "kills": ("tests.faults", "--kills", str(KILLS), "--seed", "1"),
    }
    with ThreadPoolExecutor(len(modules)) as pool:
        yield {
            name: pool.submit(
                subprocess.run, [sys.executable, "-m", *module], capture_output=True, text=True
            )
            for name, module in modules.items()
        }
