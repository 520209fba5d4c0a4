"""Scoring with `keep_freed_memory` and without it: CPU time and page faults."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

from fairforget.benchmarks import stereoset
from fairforget.machine.allocator import keep_freed_memory
from fairforget.models.loading import load_model
from fairforget.scoring.causal import token_log_probs

TURNS = 5
ITEMS = 250


def measure() -> dict[str, float | int]:
    """Medians over several turns, the two ways taken alternately; about two minutes."""
    times: dict[str, list[float]] = {"kept": [], "returned": []}
    faults: dict[str, list[float]] = {"kept": [], "returned": []}
    for _ in range(TURNS):
        for way in times:
            process = subprocess.run(
                [sys.executable, "-m", "bench.allocator", way],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ,
            )
            seconds, page_faults = process.stdout.split()
            times[way].append(float(seconds))
            faults[way].append(float(page_faults))
    pairs = zip(times["kept"], times["returned"], strict=True)
    return {
        "cpu_time_ratio": statistics.median(kept / returned for kept, returned in pairs),
        "cpu_seconds_kept": statistics.median(times["kept"]),
        "cpu_seconds_returned": statistics.median(times["returned"]),
        "page_faults_kept": int(statistics.median(faults["kept"])),
        "page_faults_returned": int(statistics.median(faults["returned"])),
    }


def main(way: str) -> None:
    """Print the CPU seconds and page faults of scoring some StereoSet items once."""
    if way == "kept":
        keep_freed_memory()
    lm = load_model("smollm2", device="cpu")
    texts = [text for item in stereoset.read_items()[:ITEMS] for text in item.sentences]
    sequences = [
        [lm.start_id, *ids] for ids in lm.tokenizer(texts, add_special_tokens=False)["input_ids"]
    ]
    token_log_probs(lm.model, sequences[:100])  # warm-up
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start = time.process_time()
    token_log_probs(lm.model, sequences)
    seconds = time.process_time() - start
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)


if __name__ == "__main__":
    main(sys.argv[1])
