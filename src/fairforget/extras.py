"""Optional packages: those of the extras, and those that only contain data."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fairforget.errors import InputError, first_line


def find_package(name: str) -> Path | None:
    """Return the directory of an installed package, or None. The package is not imported."""
    package = find_spec(name)
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0])


def check_extra(package: str, extra: str, what: str) -> None:
    """Check that a package is installed, without importing it.

    Args:
        package: name of the package.
        extra: the extra of FairForget that installs it.
        what: what needs the package, for the message.

    Raises:
        InputError: it is not installed; gives the command to install it.
    """
    if find_spec(package) is None:
        raise InputError(_remedy(package, extra, what))


def check_report_extra() -> None:
    """Check early that a page can be written.

    Raises:
        InputError: jinja2 is not installed.
    """
    check_extra("jinja2", "report", "a page")


def require_extra(package: str, extra: str, what: str) -> Any:
    """Import a package and return it; the arguments are those of `check_extra`.

    Raises:
        InputError: it is not installed, or cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        if find_spec(package) is None:
            raise InputError(_remedy(package, extra, what)) from error
        raise InputError(
            f"{what} needs {package}, which is installed but cannot be imported "
            f"({first_line(error)}); reinstall it"
        ) from error


def _remedy(package: str, extra: str, what: str) -> str:
    return f"{what} needs {package}: in the clone of FairForget, pip install '.[{extra}]'"
