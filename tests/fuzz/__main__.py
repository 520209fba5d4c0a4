"""`python -m tests.fuzz`: many inputs for every reader, counted."""

from __future__ import annotations

import time
import traceback

from .bounds import bounded_memory
from .run import fuzz
from .tally import Tally, parser
from .targets import TARGETS


def main() -> None:
    """Fuzz all targets, or those named; exits with 1 if one was wrong, or if there were too few."""
    options = parser(__doc__, seed=time.time_ns() % 2**32).parse_args()
    tally = Tally("random", options)
    print(f"seed {options.seed}", flush=True)
    for name in options.targets:
        inputs = max(1, round(1.01 * tally.share(name)))
        try:
            with bounded_memory():
                counts = fuzz(TARGETS[name], inputs, start=options.seed)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            tally.wrong(name, traceback.format_exc())
            continue
        tally.right(name, counts.total(), f", {counts['refused']} refused, {counts['read']} read")
    tally.finish()


if __name__ == "__main__":
    main()
