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


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: "1 label", "2 labels", "1,000 labels"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_message(message: str) -> None:
    """Print a message on stderr, once for all processes."""
    if not is_quiet():
        print(message, file=sys.stderr)
