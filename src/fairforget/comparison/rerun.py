"""Comparison of two runs of the same command: whether their results are bitwise equal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.records.evaluation import read_items
from fairforget.records.paths import AFTER, BEFORE, ITEMS, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_kind, read_record

RECORDS = (RECORD, f"{BEFORE}/{RECORD}", f"{AFTER}/{RECORD}")
"""Records of a run, by their path in its directory."""
KINDS: dict[str, type[EvaluationRecord] | type[UnlearningRecord]] = {
    "evaluation": EvaluationRecord,
    "unlearning": UnlearningRecord,
}
NOT_RESULTS = ("seconds", "environment", "command", "version")
"""Fields of records that are not results."""
OPTIONAL = ("weights", "revision")
"""Facts about the model that older records lack; compared only if both runs have them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs between two runs."""

    where: str
    """File and field."""
    before: Any
    after: Any

    @property
    def relative(self) -> float:
        """|after − before| ÷ |before|; infinite if before is 0 or one is not a number."""
        numbers = (self.before, self.after)
        if not all(isinstance(n, float | int) and math.isfinite(n) for n in numbers):
            return math.inf
        return abs(self.after - self.before) / abs(self.before) if self.before else math.inf


@dataclass(frozen=True, slots=True)
class RerunComparison:
    """How a repeated run differs from the first."""

    figures: int
    """Number of values compared."""
    differences: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    """Differences in versions and hardware, as far as the first run recorded them."""


def is_finished(first: Path, second: Path) -> bool:
    """Whether the second directory has all records of the first."""
    return all((second / name).exists() for name in RECORDS if (first / name).exists())


def compare_runs(first: Path, second: Path) -> RerunComparison:
    """Compare all values of all records and scored items of two runs.

    Raises:
        InputError: the second run lacks a record of the first, or a record cannot be repeated.
    """
    figures = 0
    differences = []
    for name in RECORDS:
        if not (first / name).exists():
            continue
        results = [_read_results(directory / name) for directory in (first, second)]
        for fact in OPTIONAL:
            if not all(result["model"].get(fact) for result in results):
                for result in results:
                    result["model"].pop(fact, None)
        _keep_shared_overlaps(results)
        old, new = (dict(_flatten(result, name)) for result in results)
        parent = Path(name).parent
        if (first / parent / ITEMS).exists():
            for values, directory in ((old, first), (new, second)):
                values.update(_flatten(read_items(directory / parent), str(parent / ITEMS)))
        figures += len({**old, **new})
        differences += _differences(old, new)
    old, new = (asdict(read_rerunnable(d / RECORD).environment) for d in (first, second))
    recorded = [name for name, value in old.items() if value]
    environment = _differences(*({name: side[name] for name in recorded} for side in (old, new)))
    return RerunComparison(figures, tuple(differences), tuple(environment))


def read_rerunnable(record: Path) -> EvaluationRecord | UnlearningRecord:
    """The record of a run that `rerun` can repeat.

    Raises:
        InputError: it is neither an evaluation nor an unlearning run, or malformed.
    """
    kind = read_kind(record)
    if kind not in KINDS:
        raise InputError(
            f"{record} is a record of kind {kind!r}; only evaluations and unlearning runs can be "
            "rerun (for a study, run its command again)"
        )
    return read_record(record, KINDS[kind])


def _read_results(record: Path) -> dict[str, Any]:
    read_rerunnable(record)  # checks it
    content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return {name: value for name, value in content.items() if name not in NOT_RESULTS}


def _keep_shared_overlaps(results: Sequence[dict[str, Any]]) -> None:
    """Keep the overlaps with benchmarks that both runs have measured, by benchmark.

    A run measures them with the benchmarks whose data are on its machine.
    """
    overlaps = [{it["benchmark"]: it for it in result.get("overlap", ())} for result in results]
    shared = set.intersection(*map(set, overlaps))
    for result, by_benchmark in zip(results, overlaps, strict=True):
        result["overlap"] = {name: by_benchmark[name] for name in sorted(shared)}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(where, old.get(where), new.get(where))
        for where in {**old, **new}
        if old.get(where) != new.get(where)
    ]


def _flatten(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """All numbers and strings in nested data, with their paths."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flatten(part, f"{where}: {name}" if where in RECORDS else f"{where}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _flatten(part, f"{where}[{number}]")
    else:
        yield where, value
