"""Files that are never readable half-written: written aside, flushed, and put in place."""

from __future__ import annotations

import glob
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl


TEMPORARY = re.compile(r"\.fairforget-(?P<of>.+)-[a-z0-9_]{8}(?P<old>\.old)?")
"""What a file or directory is called until it is whole and gets its name …"""
OLD = ".old"
"""… and the end of what the one is called in whose place it is put."""


def temporary_prefix(path: Path) -> str:
    """The beginning of what it is called until it is whole."""
    return f".fairforget-{path.name}-"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()
"""Read once: it can be read by setting it only, which two threads must not do at a time."""


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Write a file aside, flush it to disk, then put it in place: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_away(path)
    descriptor, aside = tempfile.mkstemp(prefix=temporary_prefix(path), dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(OSError):  # some network disks cannot lock, and lose no more than order
                _lock(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o666 & ~_UMASK)
        Path(aside).replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, aside):
            error.filename = str(path)
        Path(aside).unlink(missing_ok=True)
        raise


def _clear_away(path: Path) -> None:
    """Remove what processes that died while they wrote this file have left."""
    for aside in path.parent.glob(f"{glob.escape(temporary_prefix(path))}????????"):
        remove_temporary(aside)


def remove_temporary(aside: Path) -> None:
    """Remove what a process that died left half-written; what one that lives writes stays."""
    with suppress(OSError), aside.open("rb") as file:  # held by a process that lives, or gone
        _lock(file)
        aside.unlink()


def _lock(file: IO[bytes]) -> None:
    """Lock a file for as long as it is open, or fail at once."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def flush(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
