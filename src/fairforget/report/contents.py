"""Read and check output directories for their report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pydantic
from pydantic import TypeAdapter

from fairforget.errors import InputError, first_error
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import (
    AFTER,
    BEFORE,
    COMPARISON,
    CONTINUATION_PAIRS,
    DURABILITY,
    LEADERBOARD,
    RECORD,
    RUNS,
    SETTINGS,
    STUDY,
)
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import check_directory, read_kind, read_record

_GIVE = (
    "give the output directory of evaluate, unlearn, transfer, leaderboard, durability, demo or "
    "compare"
)


@dataclass(frozen=True, slots=True)
class ContinuationPair:
    """One prompt, continued by the original and by the debiased model."""

    prompt: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class UnlearningRun:
    """An unlearning run; `before` and `after` are either both present or both None."""

    record: UnlearningRecord
    before: Evaluation | None
    after: Evaluation | None
    continuations: list[ContinuationPair]


def find_kind(directory: Path) -> str:
    """The kind of record in a directory: a key of `fairforget.report.page.PAGES`.

    Raises:
        InputError: the directory has nothing to report, or its record is malformed.
    """
    check_directory(directory)
    applications = {STUDY: "study", LEADERBOARD: "leaderboard", DURABILITY: "durability"}
    for name, kind in applications.items():
        if (directory / name).exists():
            return kind
    path = directory / RECORD
    if path.exists():
        kind = read_kind(path)
        if kind in ("evaluation", "unlearning"):
            return kind
        raise InputError(f"{path}: kind {kind!r} is neither 'evaluation' nor 'unlearning'; {_GIVE}")
    if (directory / COMPARISON).exists():
        return "comparison"
    if (directory / BEFORE / RECORD).exists() and (directory / RUNS).is_dir():
        raise InputError(
            f"{directory} is an unfinished study; run its transfer command again to finish it"
        )
    kinds = set(map(read_kind, _list_run_records(directory)))
    if "leaderboard run" in kinds:
        raise InputError(
            f"{directory} is an unfinished leaderboard; run its leaderboard command again to "
            "finish it"
        )
    if "unlearning" in kinds:
        return "runs"
    if (directory / SETTINGS).exists():
        raise InputError(
            f"the run in {directory} is unfinished; run the same command again to finish it"
        )
    raise InputError(
        f"{directory} has no {RECORD}, {STUDY}, {LEADERBOARD}, {DURABILITY}, {COMPARISON} or "
        f"{RUNS}; {_GIVE}"
    )


def read_runs(directory: Path) -> list[tuple[str, UnlearningRun]]:
    """The unlearning runs in `directory/runs`, sorted by name; everything else is ignored."""
    return [
        (path.parent.name, read_unlearning(path.parent))
        for path in _list_run_records(directory)
        if read_kind(path) == "unlearning"
    ]


def read_unlearning(directory: Path) -> UnlearningRun:
    """The record of an unlearning run, its evaluations and its continuations.

    Raises:
        InputError: a file is malformed; names the file, the field and the problem.
    """
    before, after = (
        read_evaluation(directory / side, without_items=True)
        if (directory / side / RECORD).exists()
        else None
        for side in (BEFORE, AFTER)
    )
    if before is None or after is None:
        before = after = None
    record = read_record(directory / RECORD, UnlearningRecord)
    return UnlearningRun(record, before, after, _read_continuations(directory / CONTINUATION_PAIRS))


def _list_run_records(directory: Path) -> list[Path]:
    """The records of the runs in `directory/runs`, sorted by the names of the runs."""
    return sorted((directory / RUNS).glob(f"*/{RECORD}"))


def _read_continuations(path: Path) -> list[ContinuationPair]:
    if not path.exists():
        return []
    try:
        return TypeAdapter(list[ContinuationPair]).validate_python(json.loads(path.read_bytes()))
    except (ValueError, OSError, RecursionError) as error:
        if isinstance(error, pydantic.ValidationError):
            raise InputError(f"{path}: row {first_error(error)}") from error
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
