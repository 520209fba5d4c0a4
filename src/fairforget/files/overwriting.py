"""Refuse to write a file over one that the same command reads, or that another program wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
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


def check_replaceable(
    setting: str, path: str | Path | None, is_ours: Callable[[Path], bool]
) -> None:
    """Check that a file to write does not exist, or is an earlier result of the same kind.

    Args:
        setting: names the file.
        path: the file, or None.
        is_ours: whether an existing file is such a result. An `OSError` means that it is not.

    Raises:
        InputError: it is another file, which would be lost; names its setting.
    """
    if path is None or not Path(path).exists():
        return
    try:
        replaceable = is_ours(Path(path))
    except OSError:
        replaceable = False
    if not replaceable:
        raise InputError(
            f"{setting} {str(path)!r} exists and is not an earlier result of this command; choose "
            "another file"
        )
