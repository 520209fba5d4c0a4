"""Messages on stderr; of several processes, only the first prints them.

The rank comes from the launcher's environment: `machine.processes` would import torch, which takes
seconds.
"""

from __future__ import annotations

import os
import sys


def is_quiet() -> bool:
    """Return whether another process prints the messages."""
    return os.environ.get("RANK", "0") != "0"


def show_message(message: str) -> None:
    """Print a message on stderr, once for all processes."""
    if not is_quiet():
        print(message, file=sys.stderr)
