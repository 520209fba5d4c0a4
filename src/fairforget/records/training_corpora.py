"""What a model on this machine was made to forget, as the records beside it say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairforget.errors import InputError
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record


def training_corpora(model: str) -> Iterator[str]:
    """The forget corpora of the run that made a model, then of those that made its original.

    Args:
        model: as the user writes it. `unlearn` leaves the record beside the directory `model/`,
            and uploads it with the model.
    """
    seen: set[Path] = set()
    while (place := Path(model).resolve()) not in seen and (record := _record_of(place)):
        seen.add(place)
        yield from (facts.name for facts in record.corpora if facts.role == "forget")
        model = record.model.source


def _record_of(model: Path) -> UnlearningRecord | None:
    """The record of the run that made the model, if there is one."""
    if model.is_dir():
        for directory in (model, model.parent):
            try:
                return read_record(directory / RECORD, UnlearningRecord)
            except InputError:  # none, or what another command left
                continue
    return None
