"""`python -m tests.fuzz`: many inputs for every reader, counted."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from .bounds import bounded_memory
from .run import fuzz
from .targets import TARGETS


def main() -> None:
    """Fuzz all targets, or those named; exits with 1 if one was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args()
    whole = sum(TARGETS[name].weight for name in options.targets)
    total = faults = 0
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
        total += counts.total()
        print(
            f"{name}: {counts.total()} inputs, {counts['refused']} refused, {counts['read']} read",
            flush=True,
        )
    print(f"{total} inputs, {faults} readers wrong", flush=True)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
