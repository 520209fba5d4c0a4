"""Checkpoints: written with checksums, verified before use, one directory per run.

A checkpoint is used only if every file in its checksum file exists and is unchanged. A checkpoint
that is incomplete or damaged is skipped, and the one before it is used.

The trained weights are stored under their names in the model. Trainer would store them as on the
hub, where some families use other names or split a tensor, and would silently skip weights that it
does not find when loading (transformers 5.23, trainer.py, `_load_from_checkpoint`, not strict).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, rotate_checkpoints

from fairforget.errors import InputError
from fairforget.files.atomic import flush, write_atomically
from fairforget.files.digest import hash_file
from fairforget.machine.processes import is_first, wait_for_all
from fairforget.records.paths import RUN_MARK
from fairforget.terminal.messages import show_message

if TYPE_CHECKING:
    from fairforget.training.config import UnlearningConfig

CHECKSUMS = "SHA256SUMS"
"""Checksum file: a line per other file, as `sha256sum` writes it, and a last line with the hash of
these lines. Written last."""
TRAINED = "trained.safetensors"
"""File with the trained weights of a checkpoint."""
TRAINER_STATE = "trainer_state.json"
SECONDS = "seconds.txt"
"""File with the time that the run had taken, in all its sessions."""
LAST = "# sha256 of the lines above: "
MIN_FREE_BYTES = 1 << 20
"""A write that fails with less free space than this failed for lack of space."""


def claim_directory(directory: Path, run: str) -> None:
    """Mark the checkpoint directory as belonging to this run.

    Args:
        directory: holds the checkpoints.
        run: the fingerprint of everything that determines the run.

    Raises:
        InputError: the directory has checkpoints of another run.
    """
    mark = directory / RUN_MARK
    known = mark.read_text(encoding="ascii") if mark.exists() else ""
    if known != run and any(directory.glob("checkpoint-*")):
        raise InputError(
            f"{directory} has checkpoints of another run, with different texts, settings or "
            "original weights, or of another version of FairForget; remove it or choose another "
            "output_dir"
        )
    if known != run and is_first():
        write_atomically(mark, run.encode("ascii"))


def remove_checkpoints(directory: Path) -> None:
    """Remove a run's checkpoints, and the directory if nothing else is in it."""
    for checkpoint in directory.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    (directory / RUN_MARK).unlink(missing_ok=True)
    with suppress(OSError):  # a tracker's logs, or the user's own files
        directory.rmdir()


def checkpoint_path(directory: Path, step: int) -> Path:
    """Return where Trainer writes the checkpoint of a step."""
    return directory / f"{PREFIX_CHECKPOINT_DIR}-{step}"


@contextmanager
def complete_checkpoint(checkpoint: Path, args: UnlearningConfig) -> Iterator[None]:
    """Add checksums to the checkpoint written within the context; then remove older checkpoints.

    Trainer would remove them first, and by modification time instead of step.

    Raises:
        OSError: there is no space left. torch and safetensors do not pass this error on.
    """
    limit, args.save_total_limit = args.save_total_limit, None
    try:
        yield
        wait_for_all()
        if args.should_save:
            write_checksums(checkpoint)
            rotate_checkpoints(str(checkpoint.parent), limit)
    except Exception as error:
        if shutil.disk_usage(checkpoint.parent).free < MIN_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(checkpoint)) from error
        raise
    finally:
        args.save_total_limit = limit


def write_checksums(checkpoint: Path) -> None:
    """Write the hashes of all files of a finished checkpoint."""
    (checkpoint / CHECKSUMS).unlink(missing_ok=True)  # of an earlier checkpoint of the same step
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    for path in files:
        flush(path)
    lines = "".join(f"{hash_file(p)}  {p.relative_to(checkpoint).as_posix()}\n" for p in files)
    write_atomically(checkpoint / CHECKSUMS, (lines + _last_line(lines)).encode())


def find_last_complete(directory: Path) -> Path | None:
    """Return the newest complete checkpoint of a run; report skipped ones on stderr.

    Args:
        directory: holds the checkpoints, each in `checkpoint-STEP`.
    """
    finished = [path.parent for path in directory.glob(f"checkpoint-*/{CHECKSUMS}")]
    for checkpoint in sorted(finished, key=_step, reverse=True):
        if not (problem := _find_damage(checkpoint)):
            return checkpoint
        show_message(f"{checkpoint}: {problem}; skipping this checkpoint")
    if finished:
        show_message("No usable checkpoint is left; training starts from the beginning")
    return None


def remove_later(directory: Path, checkpoint: Path | None) -> None:
    """Remove the checkpoints after the one that training resumes from; all, if there is none.

    They are damaged, and because of their higher steps, Trainer would take new ones for old.
    """
    for path in directory.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        if checkpoint is None or _step(path) > _step(checkpoint):
            shutil.rmtree(path, ignore_errors=True)


def history_of(checkpoint: Path) -> list[dict[str, float]]:
    """Return the history that the run had logged at the checkpoint."""
    state = json.loads((checkpoint / TRAINER_STATE).read_text(encoding="utf-8"))
    rows: list[dict[str, float]] = state["log_history"]
    return rows


def save_seconds(checkpoint: Path, seconds: float) -> None:
    """Write the time that the run has taken so far."""
    (checkpoint / SECONDS).write_text(f"{seconds}\n", encoding="ascii")


def seconds_of(checkpoint: Path) -> float:
    """Return the time that the run had taken at the checkpoint."""
    path = checkpoint / SECONDS
    return float(path.read_text(encoding="ascii")) if path.exists() else 0.0


def save_trained(
    model: PreTrainedModel, checkpoint: Path, gathered: Mapping[str, Tensor] | None = None
) -> None:
    """Write the trained weights; with an adapter, only the adapter's.

    Args:
        model: determines which weights are written.
        checkpoint: the directory.
        gathered: all weights by name, if the model's own are sharded.
    """
    checkpoint.mkdir(parents=True, exist_ok=True)
    trained = _trained_weights(model)
    weights = trained if gathered is None else gathered
    saved = {name: weights[name].detach().contiguous() for name in trained}
    save_file(saved, checkpoint / TRAINED, metadata={"format": "pt"})


def load_trained(model: PreTrainedModel, checkpoint: Path) -> None:
    """Load the weights that `save_trained` wrote.

    Raises:
        InputError: the file is missing, or belongs to another model or adapter.
    """
    path = checkpoint / TRAINED
    saved = load_file(path) if path.exists() else {}
    trained = _trained_weights(model)
    if {n: w.shape for n, w in saved.items()} != {n: w.shape for n, w in trained.items()}:
        raise InputError(
            f"{checkpoint} has the weights of another model or adapter, or of another version of "
            "FairForget; remove it and run the same command again"
        )
    model.load_state_dict(saved, strict=False)


@contextmanager
def refuse_pickled_code(directory: object) -> Iterator[None]:
    """Turn torch's refusal to load a checkpoint that may run code into an `InputError`."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise InputError(
            f"a checkpoint in {directory} contains more than tensors and could run code, so it is "
            "not loaded; remove it and run the same command again"
        ) from error


def _trained_weights(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: weights for name, weights in model.named_parameters() if weights.requires_grad}


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.partition("-")[2]
    return int(number) if number.isdecimal() else -1


def _find_damage(checkpoint: Path) -> str:
    """Return what is wrong with a finished checkpoint; empty if nothing is."""
    try:
        lines, start, last = (checkpoint / CHECKSUMS).read_text(encoding="utf-8").rpartition(LAST)
        if start + last != _last_line(lines):
            return f"{CHECKSUMS} is damaged"
        for line in lines.splitlines():
            sha256, _, name = line.partition("  ")
            if hash_file(checkpoint / name) != sha256:
                return f"{name} is damaged"
    except (FileNotFoundError, IsADirectoryError, ValueError) as error:
        return f"a file is missing or damaged ({error})"
    except OSError as error:  # from a network disk, say: the checkpoint may be intact
        raise InputError(
            f"{checkpoint}: cannot be read ({error}); run the same command again once it can be "
            "read, or remove it"
        ) from error
    return ""


def _last_line(lines: str) -> str:
    return f"{LAST}{hashlib.sha256(lines.encode()).hexdigest()}\n"
