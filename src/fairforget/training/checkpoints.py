"""Checkpoints to rely on: sealed with the hashes of their files, and checked before they are used.

A checkpoint is used only if every file that its seal names is there and is what it was. So one that
was cut off while it was written, or damaged since, is passed over, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write
from fairforget.files.digest import hash_file
from fairforget.machine.processes import is_first
from fairforget.terminal.messages import show_message

CHECKSUMS = "whole"
"""Name of the file with a line for each other file, as `sha256sum` writes it, and a last one for
these lines themselves; written last."""
RUN = "run.sha256"
"""Name of the file that says of which run the checkpoints beside it are."""
LAST = "# sha256 of the lines above: "


def write_checksums(checkpoint: Path) -> None:
    """Note the hashes of all files of a checkpoint that was written to its end."""
    (checkpoint / CHECKSUMS).unlink(missing_ok=True)  # of an earlier one of the same step
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    lines = "".join(f"{hash_file(p)}  {p.relative_to(checkpoint).as_posix()}\n" for p in files)
    with atomic_write(checkpoint / CHECKSUMS) as file:
        file.write((lines + _last_line(lines)).encode())


def claim_directory(directory: Path, run: str) -> None:
    """Mark the directory of checkpoints as this run's.

    Args:
        directory: holds checkpoints, or will.
        run: stands for all that determines the run.

    Raises:
        InputError: there are checkpoints in it that are not marked as this run's.
    """
    mark = directory / RUN
    known = mark.read_text(encoding="ascii") if mark.exists() else ""
    if known != run and any(directory.glob("checkpoint-*")):
        raise InputError(
            f"{directory} has checkpoints of another run, with other texts, settings or original "
            "weights; remove it, or give another output_dir"
        )
    if known != run and is_first():
        with atomic_write(mark) as file:
            file.write(run.encode("ascii"))


def remove_checkpoints(directory: Path) -> None:
    """Remove a run's checkpoints; the directory too, if nothing else is in it."""
    for checkpoint in directory.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    (directory / RUN).unlink(missing_ok=True)
    with suppress(OSError):  # logs of a tracker, or what was there before
        directory.rmdir()


def find_last_complete(directory: Path) -> Path | None:
    """The newest checkpoint of a run that is whole; says on stderr which ones are not.

    Args:
        directory: holds checkpoints, each in `checkpoint-STEP`.
    """
    sealed = [path.parent for path in directory.glob(f"checkpoint-*/{CHECKSUMS}")]
    for checkpoint in sorted(sealed, key=_step, reverse=True):
        if not (fault := _fault(checkpoint)):
            return checkpoint
        show_message(f"{checkpoint}: {fault}; an earlier state of the run is used")
    return None


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.partition("-")[2]
    return int(number) if number.isdecimal() else -1


def _fault(checkpoint: Path) -> str:
    """What is wrong with a sealed checkpoint, if anything."""
    try:
        lines, start, last = (checkpoint / CHECKSUMS).read_text(encoding="utf-8").rpartition(LAST)
        if start + last != _last_line(lines):
            return f"{CHECKSUMS} is damaged"
        for line in lines.splitlines():
            sha256, _, name = line.partition("  ")
            if hash_file(checkpoint / name) != sha256:
                return f"{name} is damaged"
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"
    return ""


def _last_line(lines: str) -> str:
    return f"{LAST}{hashlib.sha256(lines.encode()).hexdigest()}\n"
