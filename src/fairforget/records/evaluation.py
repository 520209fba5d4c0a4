"""Read an evaluation: its record of scores, and its table of scored items."""

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
"""Columns of the items of every benchmark."""
SCORE_PREFIXES = ("score", "sum")
"""Prefixes of the names of numeric columns."""

Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation from its directory."""

    directory: Path
    record: EvaluationRecord
    items: Items
    """The scored items; empty if they were not kept."""


def read_evaluation(directory: Path, *, without_items: bool = False) -> Evaluation:
    """Read the directory that `evaluate_into` wrote.

    Args:
        directory: the evaluation.
        without_items: accept a directory without items.

    Raises:
        InputError: a file is missing or damaged.
    """
    record = read_record(directory / RECORD, EvaluationRecord)
    if without_items and not (directory / ITEMS).exists():
        return Evaluation(directory, record, [])
    return Evaluation(directory, record, read_items(directory))


def read_items(directory: Path) -> Items:
    """Read the scored items that `evaluate_into` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = directory / ITEMS
    with open_parquet(path, "evaluate again") as file:
        items = file.read().to_pylist()
    for number, item in enumerate(items, 1):
        for name in ID_COLUMNS:
            if not isinstance(item.get(name), str):
                raise InputError(
                    f"{path}, row {number}: no `{name}`; run `fairforget evaluate` again"
                )
        for name, value in item.items():
            if name.startswith(SCORE_PREFIXES) and not isinstance(value, float | int | None):
                raise InputError(
                    f"{path}, row {number}: {name} is {value!r}; run `fairforget evaluate` again"
                )
    return items
