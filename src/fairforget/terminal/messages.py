"""Messages on stderr, printed by the first process only; text that is safe to print.

The rank comes from the launcher's environment: `machine.processes` would import torch, which takes
seconds.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def is_quiet() -> bool:
    """Return whether another process prints the messages."""
    return os.environ.get("RANK", "0") != "0"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: "1 label", "2 labels", "1,000 labels"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_stderr(text: str) -> None:
    """Print on stderr. That nobody reads it, as with `2>&1 | head`, must not end the command."""
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)


def show_message(message: str) -> None:
    """Print a message on stderr, once for all processes."""
    if not is_quiet():
        print_stderr(message)


def one_line(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())
