"""An evaluation on disk: a record of scores, and a table of every scored item."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.files.parquet import open_parquet
from fairforget.records.paths import ITEMS, RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import read_record

ID_COLUMNS = ("benchmark", "id", "domain")
"""Columns that the items of every benchmark have."""
SCORE_PREFIXES = ("score", "sum")
"""How the names of columns with numbers begin."""

Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation that was read."""

    directory: Path
    record: EvaluationRecord
    items: Items
    """The scored items; none if they were not kept."""


def read_evaluation(directory: Path, *, without_items: bool = False) -> Evaluation:
    """What `evaluate_into` wrote.

    Args:
        directory: where.
        without_items: it may be that the items were not kept.

    Raises:
        InputError: it is not there, or damaged.
    """
    record = read_record(directory / RECORD, EvaluationRecord)
    lack = without_items and not (directory / ITEMS).exists()
    return Evaluation(directory, record, [] if lack else read_items(directory))


def read_items(directory: Path) -> Items:
    """The scored items that `evaluate_into` wrote.

    Raises:
        InputError: they are not there, or damaged.
    """
    path = directory / ITEMS
    with open_parquet(path, "evaluate again") as file:
        items = file.read().to_pylist()
    for number, item in enumerate(items, 1):
        for name in ID_COLUMNS:
            if not isinstance(item.get(name), str):
                raise InputError(f"{path}, row {number}: no `{name}`; evaluate again")
        for name, value in item.items():
            if name.startswith(SCORE_PREFIXES) and not isinstance(value, float | int | None):
                raise InputError(f"{path}, row {number}: {name} is {value!r}; evaluate again")
    return items
