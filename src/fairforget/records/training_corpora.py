"""The forget corpora of a model on this machine, according to its records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairforget.errors import InputError
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record


def training_corpora(model: str) -> Iterator[str]:
    """Yield the forget corpora of the run that made a model, and of the runs before it.

    Args:
        model: name or path. `unlearn` writes the record to the parent directory of `model/`, and
            pushes it to the hub with the model.
    """
    seen: set[Path] = set()
    while (path := Path(model).resolve()) not in seen and (record := _find_record(path)):
        seen.add(path)
        yield from (corpus.name for corpus in record.forget)
        model = record.model.source


def _find_record(model: Path) -> UnlearningRecord | None:
    """Return the record of the run that made the model, or None."""
    if model.is_dir():
        for directory in (model, model.parent):
            try:
                return read_record(directory / RECORD, UnlearningRecord)
            except InputError:  # no record, or that of another command
                continue
    return None
