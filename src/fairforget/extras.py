"""Packages that only an extra of FairForget brings."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fairforget.errors import InputError


def check_extra(package: str, extra: str, what: str) -> None:
    """Look for a package without importing it.

    Args:
        package: its name.
        extra: of FairForget, that brings it.
        what: needs it, for the message.

    Raises:
        InputError: it is not installed; says how it would be.
    """
    if find_spec(package) is None:
        raise InputError(_remedy(package, extra, what))


def require_extra(package: str, extra: str, what: str) -> Any:
    """The package, imported; else as `check_extra`."""
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(_remedy(package, extra, what)) from error


def _remedy(package: str, extra: str, what: str) -> str:
    return f"{what} needs {package}: pip install 'fairforget[{extra}]'"
