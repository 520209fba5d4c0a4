"""The one error that users see: bad input, told in one line."""

from __future__ import annotations

from fairforget.redaction import HIDDEN, redact

LONGEST = 1000
"""Characters of a message: a damaged file can hold a value of any length."""


class InputError(Exception):
    """Something the user gave is wrong.

    The message is one line that names the file, row or option, the value, and the remedy. The
    command line prints it and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        """Make the message one line of bounded length, printable, and without keys.

        Args:
            message: what is wrong, where, and what to do about it.
        """
        line = "".join(c if c.isprintable() else " " for c in redact(message))
        line = " ".join(line.split())
        if len(line) > LONGEST:
            half = LONGEST // 2
            line = f"{line[:half]} {HIDDEN} {line[-half:]}"
        super().__init__(line)


def first_line(error: BaseException) -> str:
    """What an error says first; the name of its type where it says nothing."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
