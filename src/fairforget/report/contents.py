"""What an output directory holds, read and checked for the report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pydantic
from pydantic import TypeAdapter

from fairforget.comparison.compare import Comparison
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import (
    AFTER,
    BEFORE,
    COMPARISON,
    CONTINUATION_PAIRS,
    RECORD,
    RUNS,
    STUDY,
)
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import first_error, read_kind, read_record
from fairforget.transfer_study.record import StudyRecord


@dataclass(frozen=True, slots=True)
class ContinuationPair:
    """One prompt, continued by the original and by the unlearned model."""

    prompt: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Unlearning:
    """An unlearning run; `before` and `after` are both there or both absent."""

    record: UnlearningRecord
    before: Evaluation | None
    after: Evaluation | None
    samples: list[ContinuationPair]


@dataclass(frozen=True, slots=True)
class Runs:
    """Unlearning runs below one directory, by their names."""

    runs: list[tuple[str, Unlearning]]


Contents = Evaluation | Unlearning | Comparison | StudyRecord | Runs


def read_directory(directory: Path) -> Contents:
    """Read whatever kind of run wrote the directory.

    Raises:
        InputError: nothing to report is there, or it is malformed; names file, field and fault.
    """
    if (directory / STUDY).exists():
        return read_record(directory / STUDY, StudyRecord)
    path = directory / RECORD
    if not path.exists():
        if (directory / COMPARISON).exists():
            return read_record(directory / COMPARISON, Comparison)
        if (directory / BEFORE / RECORD).exists() and (directory / RUNS).is_dir():
            raise InputError(
                f"{directory} is a study that is not finished; give its command again, which goes "
                "on where it stopped"
            )
        if runs := _runs(directory / RUNS):
            return Runs(runs)
        raise InputError(
            f"{directory} holds neither {RECORD} nor {STUDY} nor {COMPARISON} nor {RUNS}: "
            "give the output directory of evaluate, unlearn, transfer or demo, or where "
            f"`compare --output` wrote {COMPARISON}"
        )
    kind = read_kind(path)
    if kind == "evaluation":
        return read_evaluation(directory, without_items=True)
    if kind == "unlearning":
        return _unlearning(directory)
    raise InputError(f"{path}: kind {kind!r} is neither 'evaluation' nor 'unlearning'")


def _runs(directory: Path) -> list[tuple[str, Unlearning]]:
    """The unlearning runs of a directory by name, in its order; other things are passed over."""
    found = []
    for path in sorted(directory.glob(f"*/{RECORD}")):
        if read_kind(path) == "unlearning":
            found.append((path.parent.name, _unlearning(path.parent)))
    return found


def _unlearning(directory: Path) -> Unlearning:
    sides = [
        read_evaluation(directory / side, without_items=True)
        if (directory / side / RECORD).exists()
        else None
        for side in (BEFORE, AFTER)
    ]
    before, after = sides if all(sides) else (None, None)
    record = read_record(directory / RECORD, UnlearningRecord)
    return Unlearning(record, before, after, _samples(directory / CONTINUATION_PAIRS))


def _samples(path: Path) -> list[ContinuationPair]:
    if not path.exists():
        return []
    try:
        return TypeAdapter(list[ContinuationPair]).validate_python(json.loads(path.read_bytes()))
    except (ValueError, OSError, RecursionError) as error:
        if isinstance(error, pydantic.ValidationError):
            raise InputError(f"{path}: row {first_error(error)}") from error
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
