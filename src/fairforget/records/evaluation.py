"""Read an evaluation: its record of scores, and its table of scored items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.files.parquet import open_parquet
from fairforget.frames import TabularResult
from fairforget.records.paths import ITEMS, RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.scores import BenchmarkScores, score_rows
from fairforget.records.store import read_record

ID_COLUMNS = ("benchmark", "id", "domain")
"""Columns of the items of every benchmark."""
SCORE_PREFIXES = ("score", "sum", "log_prob")
"""Prefixes of the names of numeric columns."""

Items = list[dict[str, Any]]


@dataclass(frozen=True, repr=False)
class Evaluation(TabularResult):
    """A model's scores: `evaluation["stereoset"]["gender"].ss`, `.interval`.

    Its DataFrame has one row per benchmark and domain.
    """

    directory: Path | None
    """The directory that it is written to; None if it is only in memory."""
    record: EvaluationRecord
    items: Items = field(repr=False)
    """The scored items, one row each; empty if they were not kept."""

    def __getitem__(self, benchmark: str) -> BenchmarkScores:
        """Return the result of a benchmark, domain → scores."""
        if benchmark not in self.record.results:
            known = ", ".join(self.record.results)
            raise KeyError(f"no benchmark {benchmark!r}; available: {known or 'none'}")
        return BenchmarkScores(self.record.results[benchmark])

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.results)

    def __len__(self) -> int:
        return len(self.record.results)

    def items_of(self, benchmark: str) -> Items:
        """Return the scored items of a benchmark."""
        return [item for item in self.items if item["benchmark"] == benchmark]

    def _rows(self) -> list[dict[str, Any]]:
        return score_rows(self.record.results)

    def _show(self) -> None:
        from fairforget.report.terminal import show_evaluation

        show_evaluation(self.record)

    def __repr__(self) -> str:
        return f"Evaluation({self.record.model.source!r}, {list(self)})"


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
