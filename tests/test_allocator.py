"""`keep_freed_memory`: a tensor reuses freed memory without page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

PROGRAM = """
import resource, sys
if sys.argv[1] == "keep":
    from fairforget.machine.allocator import keep_freed_memory
    keep_freed_memory()
import torch
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        [torch.ones(6 << 20) for _ in range(6)]  # 24 MB each
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")
def test_freed_memory_is_reused_without_page_faults() -> None:
    kept, returned = (
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True
            ).stdout
        )
        for way in ("keep", "return")
    )
    assert kept < 1000
    assert returned > 10 * kept
