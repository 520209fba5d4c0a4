"""`python -m tests.fuzz.guided`: the same inputs, led by which lines of FairForget they reach.

Atheris (libFuzzer) mutates the choices that hypothesis makes, and keeps those that reach new lines.
Each reader has a process of its own, for libFuzzer does not give it back.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import atheris

ALONE = "--alone"

watched = atheris.instrument_imports(include=["fairforget"], enable_loader_override=False)
with watched if ALONE in sys.argv else contextlib.nullcontext():
    from tests.recorded import record

    from .bounds import BYTES
    from .run import attempts
    from .targets import TARGETS

DONE = re.compile(r"Done (\d+) runs")


def one(name: str, inputs: int, seed: int) -> None:
    """Fuzz one reader; does not return."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ |= {"FAIRFORGET_CACHE": cache, "HF_HUB_OFFLINE": "1"}
        attempt, _ = attempts(TARGETS[name], inputs)

        def quiet(content: bytes) -> None:
            with contextlib.redirect_stderr(io.StringIO()):
                attempt.hypothesis.fuzz_one_input(content)  # type: ignore[attr-defined]

        most = (_resident() + BYTES) >> 20  # as much more as without libFuzzer
        bounds = ["-timeout=5", f"-rss_limit_mb={most}", "-max_len=4096", f"-seed={seed}"]
        where = f"-artifact_prefix={cache}/"
        atheris.Setup([sys.argv[0], f"-runs={inputs}", where, *bounds], quiet)
        atheris.Fuzz()


def _resident() -> int:
    """Bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Fuzz all readers, or those named; exits with 1 if one was wrong, or if there were too few."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="JSON file that shall say what was done")
    parser.add_argument(ALONE, action="store_true", help="in this process; one target")
    options = parser.parse_args()
    if options.alone:
        one(options.targets[0], options.inputs, options.seed)
    whole = sum(TARGETS[name].weight for name in options.targets)
    began = time.perf_counter()
    readers: dict[str, int] = {}
    faults = 0
    for name in options.targets:
        inputs = math.ceil(options.inputs * TARGETS[name].weight / whole)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, ALONE]
        ran = subprocess.run(
            [*command, "--inputs", str(inputs), "--seed", str(options.seed)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        found = DONE.search(ran.stderr)
        if ran.returncode or not found:
            faults += 1
            print(f"{name}: WRONG\n{ran.stdout}\n{ran.stderr}", flush=True)
            continue
        readers[name] = int(found[1])
        print(f"{name}: {found[1]} inputs", flush=True)
    total = sum(readers.values())
    print(f"{total} inputs, {faults} readers wrong", flush=True)
    done = {
        "inputs": total,
        "wrong": faults,
        "seconds": round(time.perf_counter() - began, 1),
        "seed": options.seed,
        "readers": readers,
    }
    record(options.results, "make fuzz", led=done)
    sys.exit(bool(faults) or total < options.inputs)


if __name__ == "__main__":
    main()
