"""`InputError`: invalid input, reported in one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from fairforget.redaction import HIDDEN, redact

if TYPE_CHECKING:
    import pydantic

MAX_CHARACTERS = 1000
"""Longest message: a damaged file can hold a value of any length."""


class InputError(Exception):
    """The user's input is invalid.

    The message is one line that names the file, row or option, the value and the remedy. The
    command line prints it and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        """Reduce the message to one printable line of bounded length without secrets.

        Args:
            message: what is wrong, where, and how to fix it.
        """
        line = "".join(c if c.isprintable() else " " for c in redact(message))
        line = " ".join(line.split())
        if len(line) > MAX_CHARACTERS:
            half = MAX_CHARACTERS // 2
            line = f"{line[:half]} {HIDDEN} {line[-half:]}"
        super().__init__(line)


class MissingDataError(InputError):
    """A file of a dataset is not on this machine and cannot be downloaded."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type if that is empty."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)


def suggest(name: str, known: Iterable[str], dashes: str = "") -> str:
    """Return a question about the most similar name, or "" if none is similar."""
    similar = get_close_matches(name, [*known], n=1)
    return f"; did you mean {dashes}{similar[0]}?" if similar else ""


def first_error(error: pydantic.ValidationError) -> str:
    """Return the first of several errors: "budget.asked: Input should be a valid number"."""
    details = error.errors()[0]
    place, message = ".".join(map(str, details["loc"])), details["msg"]
    # a check of the whole record names the place itself
    return f"{place}: {message}" if place else message.removeprefix("Value error, ")
