"""A command keeps the memory that it frees."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

PROGRAM = """
import resource, sys
if sys.argv[1] == "kept":
    from fairforget.machine.allocator import keep_freed_memory
    keep_freed_memory()
import torch
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        [torch.ones(6 << 20) for _ in range(6)]  # 24 MB each
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_a_freed_tensor_is_not_faulted_in_anew() -> None:
    kept, given_back = (
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True
            ).stdout
        )
        for way in ("kept", "given back")
    )
    assert kept < 1000
    assert given_back > 10 * kept
