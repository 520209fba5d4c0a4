"""What is said on stderr while something runs; of several processes, the first says it.

The launcher's word is taken for which that is: `machine.processes` would load torch, which takes
seconds.
"""

from __future__ import annotations

import os
import sys


def is_quiet() -> bool:
    """Whether another process talks for this one."""
    return os.environ.get("RANK", "0") != "0"


def show_message(message: str) -> None:
    """Print on stderr, once for all processes."""
    if not is_quiet():
        print(message, file=sys.stderr)
