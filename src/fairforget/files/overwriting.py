"""Refuse an output file that is an input, that another program wrote, or that cannot be created."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile

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
    """Check that a file can be written, and replaces nothing but an earlier result of its kind.

    Args:
        setting: names the file.
        path: the file, or None.
        is_ours: whether an existing file is such a result. An `OSError` means that it is not.

    Raises:
        InputError: it is another file, which would be lost, or one of its parents is a file; names
            its setting.
        OSError: its directory cannot be written to.
    """
    if path is None:
        return
    if not Path(path).exists():
        check_directory(setting, path)
        return
    if not Path(path).is_file():
        raise InputError(f"{setting} {str(path)!r} is not a regular file; choose another name")
    try:
        replaceable = is_ours(Path(path))
    except OSError:
        replaceable = False
    if not replaceable:
        raise InputError(
            f"{setting} {str(path)!r} exists and is not an earlier result of this command; choose "
            "another file"
        )


def check_directory(setting: str, path: str | Path) -> None:
    """Check, before hours of work, that a file or directory can be created where it will be.

    Raises:
        InputError: one of its parents is a file.
        OSError: it cannot be written to.
    """
    parent = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if not parent.is_dir():
        raise InputError(
            f"{setting} {str(path)!r} cannot be written: {parent} is a file, not a directory; "
            "choose another path"
        )
    try:
        with TemporaryFile(dir=parent):
            pass
    except OSError as error:
        error.filename = str(path)
        raise
