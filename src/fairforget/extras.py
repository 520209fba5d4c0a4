"""Packages that only an extra of FairForget brings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from fairforget.errors import InputError


def needed(package: str, extra: str, what: str) -> Any:
    """The package, imported.

    Args:
        package: its name.
        extra: of FairForget, that brings it.
        what: needs it, for the message.

    Raises:
        InputError: it is not installed; says how it would be.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(f"{what} needs {package}: pip install 'fairforget[{extra}]'") from error
