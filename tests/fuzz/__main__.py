"""`python -m tests.fuzz`: many inputs for every reader, counted."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.recorded import record

from .bounds import bounded_memory
from .run import fuzz
from .targets import TARGETS


def main() -> None:
    """Fuzz all targets, or those named; exits with 1 if one was wrong, or if there were too few."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--results", type=Path, help="JSON file that shall say what was done")
    options = parser.parse_args()
    began = time.perf_counter()
    readers: dict[str, int] = {}
    whole = sum(TARGETS[name].weight for name in options.targets)
    faults = 0
    print(f"seed {options.seed}", flush=True)
    for name in options.targets:
        target = TARGETS[name]
        inputs = max(1, round(1.01 * options.inputs * target.weight / whole))
        try:
            with bounded_memory():
                counts = fuzz(target, inputs, start=options.seed)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            faults += 1
            print(f"{name}: WRONG\n{traceback.format_exc()}", flush=True)
            continue
        readers[name] = counts.total()
        print(
            f"{name}: {counts.total()} inputs, {counts['refused']} refused, {counts['read']} read",
            flush=True,
        )
    total = sum(readers.values())
    print(f"{total} inputs, {faults} readers wrong", flush=True)
    done = {
        "inputs": total,
        "wrong": faults,
        "seconds": round(time.perf_counter() - began, 1),
        "seed": options.seed,
        "readers": readers,
    }
    record(options.results, "make fuzz", random=done)
    if total < options.inputs:
        print(f"{options.inputs} were asked for", flush=True)
    sys.exit(bool(faults) or total < options.inputs)


if __name__ == "__main__":
    main()
