"""Scoring with `keep_freed_memory` and without it: CPU time and page faults."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys

from fairforget.data.stereoset import read_items
from fairforget.machine.allocator import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, keep_freed_memory
from fairforget.models.loading import load_model
from fairforget.scoring.causal import token_log_probs

TURNS = 6
ITEMS = 90
GLIBC_THRESHOLD = 128 << 10
"""glibc's default for both thresholds."""


def measure() -> dict[str, float | int]:
    """Run the benchmark in a new process, whose allocator it changes; a minute."""
    process = subprocess.run(
        [sys.executable, "-m", "bench.allocator"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    figures: dict[str, float | int] = json.loads(process.stdout.splitlines()[-1])
    return figures


def return_freed_memory() -> None:
    """Undo `keep_freed_memory`, but for huge pages."""
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, GLIBC_THRESHOLD)
    libc.mallopt(M_TRIM_THRESHOLD, GLIBC_THRESHOLD)
    libc.malloc_trim(0)


def main() -> None:
    """Print medians over several turns, both ways taken alternately."""
    keep_freed_memory()  # before torch allocates
    lm = load_model("smollm2", device="cpu")
    texts = [text for item in read_items()[:ITEMS] for text in item.sentences]
    sequences = [
        [lm.start_id, *ids] for ids in lm.tokenizer(texts, add_special_tokens=False)["input_ids"]
    ]
    seconds: dict[str, list[float]] = {"kept": [], "returned": []}
    faults: dict[str, list[int]] = {"kept": [], "returned": []}
    for _ in range(TURNS):
        for way, switch in (("kept", keep_freed_memory), ("returned", return_freed_memory)):
            switch()
            token_log_probs(lm.model, sequences[:20])  # warm-up
            before = resource.getrusage(resource.RUSAGE_SELF)
            token_log_probs(lm.model, sequences)
            after = resource.getrusage(resource.RUSAGE_SELF)
            user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
            seconds[way].append(user + system)
            faults[way].append(after.ru_minflt - before.ru_minflt)
    pairs = zip(seconds["kept"], seconds["returned"], strict=True)
    figures = {"cpu_time_ratio": statistics.median(kept / returned for kept, returned in pairs)}
    for way in seconds:
        figures[f"cpu_seconds_{way}"] = statistics.median(seconds[way])
        figures[f"page_faults_{way}"] = statistics.median(faults[way])
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
