"""Evaluate a model into a directory, benchmark by benchmark, so that it can be resumed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks import hash_words, load_benchmarks
from fairforget.evaluation.measure import WORDS, describe_evaluated, device_of, run_benchmarks
from fairforget.files.atomic import atomic_write
from fairforget.generation.engine import AnyModel
from fairforget.generation.journal import keep_continuations
from fairforget.machine.processes import broadcast_from_first, is_first, process_count
from fairforget.records.environment import Environment, environment, find_differences, scored_with
from fairforget.records.evaluation import ID_COLUMNS, Items, read_evaluation
from fairforget.records.paths import CONTINUATIONS, ITEMS, JOURNAL, PARTS, RECORD
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import read_finished, read_record, write_record
from fairforget.terminal.messages import show_message


def evaluate_into(
    directory: Path,
    language_model: AnyModel,
    benchmarks: Sequence[str],
    *,
    seed: int = 0,
    command: dict[str, Any] | None = None,
) -> None:
    """Evaluate and write `items.parquet` and `record.json`, unless they are there already.

    Each benchmark is written as soon as it is done, so an interrupted call resumes with the next
    one. The continuations of a benchmark are also written as they finish, by each process, and the
    call resumes with the missing ones. The record is written last. All else is written by the first
    process only.

    Args:
        directory: where to write.
        language_model: the model.
        benchmarks: names with options.
        seed: of sampling.
        command: the command that the record names.

    Raises:
        InputError: as `evaluate`.
    """
    current = environment(device_of(language_model), process_count())
    if is_complete(directory, current):
        remove_parts(directory)
        return
    if is_first():  # a damaged one, or one of another environment
        for name in (RECORD, CONTINUATIONS):
            (directory / name).unlink(missing_ok=True)
    facts = describe_evaluated(language_model)
    loaded = load_benchmarks(benchmarks, language_model)
    parts = {name: directory / PARTS / str(n) for n, name in enumerate(loaded)}
    missing = broadcast_from_first(
        lambda: [
            name for name, part in parts.items() if not _is_done(part, name, facts, seed, current)
        ]
    )
    # text from other versions is generated again, unless it came from a server
    written_by = facts if facts.server else (facts, scored_with(current))
    for name in missing:
        with keep_continuations(parts[name] / JOURNAL, written_by):
            record, items = run_benchmarks(language_model, {name: loaded[name]}, seed)
        if is_first():
            _write(parts[name], record, _table(items))
    if not is_first():
        return
    records = [read_record(part / RECORD, EvaluationRecord) for part in parts.values()]
    merged = EvaluationRecord(
        model=facts,
        results={name: result for record in records for name, result in record.results.items()},
        environment=current,
        seconds={name: seconds for record in records for name, seconds in record.seconds.items()},
        seed=seed,
        command=command or {},
    )
    tables = [pq.read_table(part / ITEMS) for part in parts.values()]
    _write(directory, merged, pa.concat_tables(tables, promote_options="default"))
    remove_parts(directory)


def is_complete(directory: Path, current: Environment | None = None) -> bool:
    """Return whether the directory has a complete evaluation; reports a damaged one on stderr.

    Every process must call it; the first checks.

    Args:
        directory: of the evaluation.
        current: where the rest of a run is evaluated, in which case both must have been scored
            with the same versions on the same kind of device.
    """

    def check() -> bool:
        evaluation = read_finished(directory, read_evaluation, remedy="evaluating again")
        if evaluation is None:
            return False
        if stale := _list_stale(evaluation.record):
            show_message(
                f"{directory}: the word list of {', '.join(stale)} has changed since this "
                "evaluation, or was not recorded; evaluating again"
            )
            return False
        if current and (differing := find_differences(evaluation.record.environment, current)):
            pairs = [f"{name} {old}, now {new}" for name, (old, new) in differing.items()]
            show_message(
                f"{directory}: evaluated in another environment ({'; '.join(pairs)}); evaluating "
                "again"
            )
            return False
        return True

    return broadcast_from_first(check)


def _list_stale(record: EvaluationRecord) -> list[str]:
    """Return the benchmarks of a record that were scored with other packaged words."""
    return [
        name for name, result in record.results.items() if result.get(WORDS, "") != hash_words(name)
    ]


def remove_parts(directory: Path) -> None:
    """Remove the results and continuations of the single benchmarks of a complete evaluation."""
    if is_first():
        shutil.rmtree(directory / PARTS, ignore_errors=True)


def _is_done(part: Path, name: str, facts: ModelFacts, seed: int, current: Environment) -> bool:
    """Return whether the directory has this benchmark's result for this model and seed.

    It must have been scored with the current versions, on the current kind of device.
    """
    evaluation = read_finished(part, read_evaluation, remedy=None)
    return (
        evaluation is not None
        and list(evaluation.record.results) == [name]
        and (evaluation.record.model, evaluation.record.seed) == (facts, seed)
        and not _list_stale(evaluation.record)
        and not find_differences(evaluation.record.environment, current)
    )


def _write(directory: Path, record: EvaluationRecord, items: pa.Table) -> None:
    with atomic_write(directory / ITEMS) as file:
        pq.write_table(items, file)
    write_record(record, directory / RECORD)


def _table(items: Items) -> pa.Table:
    """Return the items of one benchmark as a table; some benchmarks have none.

    It has the columns of all items, also those that the first item lacks.
    """
    if not items:
        return pa.table({name: pa.array([], pa.string()) for name in ID_COLUMNS})
    names = dict.fromkeys(chain.from_iterable(items))
    return pa.table({name: [item.get(name) for item in items] for name in names})
