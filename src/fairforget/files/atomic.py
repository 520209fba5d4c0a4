"""Atomic writes: to a temporary file that is flushed and then renamed."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fairforget.errors import InputError

if sys.platform != "win32":
    import fcntl


TEMPORARY = re.compile(r"\.fairforget-(?P<of>.+)-[a-z0-9_]{8}(?P<old>\.old)?")
"""Name of a file or directory that is being written; `of` is its final name."""
RENAMED_CLOSED = sys.platform == "win32"
"""Whether the system refuses to rename open files."""
OLD = ".old"
"""Suffix of a directory that is being replaced."""


def temporary_prefix(path: Path) -> str:
    """Return the prefix of the temporary names of a file or directory."""
    return f".fairforget-{path.name}-"


_BEGINNING = threading.Lock()
"""Held until a temporary file is locked: no other thread may take it for a leftover."""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()
"""Read once at import: reading it means setting it, which is not thread-safe."""


def apply_umask(path: Path) -> None:
    """Give a temporary file or directory, which only its owner can read, the usual permissions."""
    path.chmod((0o777 if path.is_dir() else 0o666) & ~_UMASK)


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces `path` when the block ends without an error.

    A symbolic link stays, and the file that it points to is replaced.

    Raises:
        InputError: `path` is a directory, a device or a pipe.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a regular file; choose another name for the output")
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _BEGINNING:
        _remove_leftovers(target)
        opened, temporary = _open_temporary(target)
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            apply_umask(Path(temporary))
            if not RENAMED_CLOSED:  # while it is locked, so that nobody takes it for a leftover
                Path(temporary).replace(target)
        if RENAMED_CLOSED:
            Path(temporary).replace(target)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = str(path)
        Path(temporary).unlink(missing_ok=True)
        raise


def _open_temporary(target: Path) -> tuple[IO[bytes], str]:
    """Create, open and lock a temporary file; return it and its name."""
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=temporary_prefix(target), dir=target.parent)
        os.close(descriptor)
        opened = Path(temporary).open("wb")  # noqa: SIM115 - the caller closes it
        try:
            _lock(opened)
        except BlockingIOError:  # another process is removing it
            opened.close()
            continue
        except OSError:  # some network disks cannot lock; then leftovers stay
            pass
        if os.path.exists(temporary):  # noqa: PTH110
            return opened, temporary
        opened.close()  # another process took it for a leftover before it was locked


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file with `atomic_write`."""
    with atomic_write(path) as file:
        file.write(content)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of processes that died while writing this file."""
    for leftover in path.parent.glob(f"{glob.escape(temporary_prefix(path))}????????"):
        remove_temporary(leftover)


def remove_temporary(path: Path) -> None:
    """Remove a temporary file, unless a running process is writing it."""
    with suppress(OSError), path.open("rb") as file:  # locked by a running process, or gone
        _lock(file)
        path.unlink()


def remove_leftovers(directory: Path) -> None:
    """Remove what processes that died were writing to a directory, which the caller has locked."""
    for entry in directory.rglob(".*"):
        if TEMPORARY.fullmatch(entry.name):
            shutil.rmtree(entry) if entry.is_dir() else remove_temporary(entry)


def _lock(file: IO[bytes]) -> None:
    """Lock a file while it is open.

    Raises:
        OSError: another process holds the lock.
    """
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def flush(path: Path) -> None:
    """Flush the content of a file to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
