"""`python -m tests.fuzz.guided`: the same inputs, led by which lines of FairForget they reach.

Atheris (libFuzzer) mutates the choices that hypothesis makes, and keeps those that reach new lines.
Each reader has a process of its own, for libFuzzer does not give it back.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

ALONE = "--alone"

watched = atheris.instrument_imports(include=["fairforget"], enable_loader_override=False)
with watched if ALONE in sys.argv else contextlib.nullcontext():
    from .bounds import BYTES
    from .run import attempts
    from .tally import Tally, parser
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
    flags = parser(__doc__, seed=1)
    flags.add_argument(ALONE, action="store_true", help="in this process; one target")
    options = flags.parse_args()
    if options.alone:
        one(options.targets[0], options.inputs, options.seed)
    tally = Tally("led", options)
    for name in options.targets:
        inputs = math.ceil(tally.share(name))
        command = [sys.executable, "-m", "tests.fuzz.guided", name, ALONE]
        ran = subprocess.run(
            [*command, "--inputs", str(inputs), "--seed", str(options.seed)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        found = DONE.search(ran.stderr)
        if ran.returncode or not found:
            tally.wrong(name, f"{ran.stdout}\n{ran.stderr}")
        else:
            tally.right(name, int(found[1]))
    tally.finish()


if __name__ == "__main__":
    main()
