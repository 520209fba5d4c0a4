"""Refuse to write a file over one that the same command reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fairforget.errors import InputError


def check_not_overwritten(
    written: Mapping[str, str | Path | None], read: Iterable[str | Path]
) -> None:
    """Check that no file to write is one that is read, lies among those, or is written twice.

    Args:
        written: setting → the file that it names, or None.
        read: files and directories of files; names of anything else are ignored.

    Raises:
        InputError: one is; names its setting.
    """
    # unlike Path.exists, it is False for a name that is too long
    existing = filter(os.path.exists, read)
    taken = {Path(path).resolve() for path in existing}
    for setting, name in written.items():
        if name is None:
            continue
        path = Path(name).resolve()
        if not taken.isdisjoint([path, *path.parents]):
            raise InputError(
                f"{setting} {str(name)!r} could overwrite what this command reads or writes; "
                "choose another file"
            )
        taken.add(path)


def refuse_replacing(setting: str, path: str | Path) -> InputError:
    """Return the error about a file to write that exists, but is not of the same kind."""
    return InputError(
        f"{setting} {str(path)!r} exists and is not an earlier result of this command; choose "
        "another file"
    )
