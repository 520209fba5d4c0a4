"""Two runs of the same command, compared: is the result the same, to the bit?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.records.evaluation import read_items
from fairforget.records.paths import AFTER, BEFORE, ITEMS, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_kind, read_record

RESULTS = (RECORD, f"{BEFORE}/{RECORD}", f"{AFTER}/{RECORD}")
"""What a run leaves that can be compared, by its place in the run's directory."""
KINDS: dict[str, type[EvaluationRecord] | type[UnlearningRecord]] = {
    "evaluation": EvaluationRecord,
    "unlearning": UnlearningRecord,
}
ASIDE = ("seconds", "environment", "command", "version")
"""Fields of records that are not results."""
LATER = ("weights", "revision")
"""Facts about the model that older records lack; compared where both have them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that came out otherwise."""

    where: str
    """File and field."""
    before: Any
    after: Any

    @property
    def relative(self) -> float:
        """|after − before| ÷ |before|, infinite where they are no numbers or before is 0."""
        numbers = (self.before, self.after)
        if not all(isinstance(n, float | int) and math.isfinite(n) for n in numbers):
            return math.inf
        return abs(self.after - self.before) / abs(self.before) if self.before else math.inf


@dataclass(frozen=True, slots=True)
class RerunComparison:
    """How a repeated run compares with the first."""

    figures: int
    """Compared."""
    differences: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    """What it ran on, where that was recorded the first time and differs."""


def is_finished(first: Path, second: Path) -> bool:
    """Whether the second directory has every record that the first one has."""
    return all((second / name).exists() for name in RESULTS if (first / name).exists())


def compare_runs(first: Path, second: Path) -> RerunComparison:
    """Compare two directories of runs, every figure of every record and every scored item.

    Raises:
        InputError: the second lacks a record that the first has.
    """
    figures = 0
    differences = []
    for name in RESULTS:
        if not (first / name).exists():
            continue
        results = [_results(directory / name) for directory in (first, second)]
        for fact in LATER:
            if not all(result["model"].get(fact) for result in results):
                for result in results:
                    result["model"].pop(fact, None)
        one, two = (dict(_flat(result, name)) for result in results)
        place = Path(name).parent
        if (first / place / ITEMS).exists():
            for side, directory in ((one, first), (two, second)):
                side.update(_flat(read_items(directory / place), str(place / ITEMS)))
        figures += len({**one, **two})
        differences += [
            Difference(where, one.get(where), two.get(where))
            for where in {**one, **two}
            if one.get(where) != two.get(where)
        ]
    stays = [read_rerunnable(d / RECORD).environment for d in (first, second)]
    environment = [
        Difference(name, getattr(stays[0], name), getattr(stays[1], name))
        for name in type(stays[0]).__dataclass_fields__
        if getattr(stays[0], name) and getattr(stays[0], name) != getattr(stays[1], name)
    ]
    return RerunComparison(figures, tuple(differences), tuple(environment))


def read_rerunnable(record: Path) -> EvaluationRecord | UnlearningRecord:
    """The record of a run that a command can repeat.

    Raises:
        InputError: of neither an evaluation nor an unlearning run, or unreadable.
    """
    kind = read_kind(record)
    if kind not in KINDS:
        raise InputError(
            f"{record} is of the kind {kind!r}; records of evaluations and unlearning runs can be "
            "repeated, a study by its command"
        )
    return read_record(record, KINDS[kind])


def _results(record: Path) -> dict[str, Any]:
    read_rerunnable(record)
    content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return {name: value for name, value in content.items() if name not in ASIDE}


def _flat(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every number and string in nested data, with its path."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{where}: {name}" if where in RESULTS else f"{where}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _flat(part, f"{where}[{number}]")
    else:
        yield where, value
