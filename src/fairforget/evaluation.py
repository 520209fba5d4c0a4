"""Measure a model on benchmarks: a record of scores, and a table of every scored item."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks import Benchmark, load_benchmarks
from fairforget.benchmarks.degenerate import check_finite_scores
from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write
from fairforget.machine.processes import broadcast_from_first, is_first, process_count
from fairforget.models.fingerprint import describe_model
from fairforget.models.language_model import LanguageModel
from fairforget.records.environment import environment
from fairforget.records.evaluation import ID_COLUMNS, Items, read_evaluation
from fairforget.records.paths import ITEMS, PARTS, RECORD
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import read_record, write_record
from fairforget.seeds import check_seed
from fairforget.terminal.messages import show_message
from fairforget.terminal.progress import progress_bar


def evaluate(
    language_model: LanguageModel, benchmarks: Sequence[str] = ("stereoset",), *, seed: int = 0
) -> tuple[EvaluationRecord, Items]:
    """Run benchmarks on a model.

    Where torch's process group is set up, every process must call this; they share the work, and
    each gets the whole.

    Args:
        language_model: as `load_model` gives it.
        benchmarks: their names, `NAME[:OPTION]…`.
        seed: of the bootstrap intervals.

    Returns:
        The record, and one row per scored item of all benchmarks.

    Raises:
        InputError: an unknown benchmark, one that is named twice or is not for such a model, data
            that is missing or malformed, or a negative seed.
    """
    check_seed(seed)
    return _evaluated(language_model, load_benchmarks(benchmarks, language_model), seed)


def _evaluated(
    language_model: LanguageModel, benchmarks: Mapping[str, Benchmark], seed: int
) -> tuple[EvaluationRecord, Items]:
    results, items, seconds = {}, [], {}
    for name, benchmark in benchmarks.items():
        start = time.perf_counter()
        with progress_bar(f"Measuring {name}") as advance:
            measured = benchmark.evaluate(
                language_model,
                seed=seed,
                progress=lambda done, total: advance(done, total=total),
            )
        check_finite_scores(name, measured)
        results[name] = measured.result
        items += [{"benchmark": name, **item} for item in measured.items]
        seconds[name] = round(time.perf_counter() - start, 2)
    record = EvaluationRecord(
        model=describe_model(language_model),
        results=results,
        environment=environment(str(language_model.device), process_count()),
        seconds=seconds,
        seed=seed,
    )
    return record, items


def evaluate_into(
    directory: Path,
    language_model: LanguageModel,
    benchmarks: Sequence[str],
    *,
    seed: int = 0,
    command: dict[str, Any] | None = None,
) -> None:
    """Evaluate and write `items.parquet` and `record.json`, unless they are there already.

    Each benchmark is kept as soon as it is done, so that a call that was cut off goes on with the
    next one. The record is written last: where it stands, the items do too. Of several processes,
    the first writes. `command` goes into the record.

    Raises:
        InputError: as `evaluate`.
    """
    if is_complete(directory):
        clear_parts(directory)
        return
    if is_first():
        (directory / RECORD).unlink(missing_ok=True)  # a damaged one
    facts = describe_model(language_model)
    ready = load_benchmarks(benchmarks, language_model)
    parts = {name: directory / PARTS / str(n) for n, name in enumerate(ready)}
    missing = broadcast_from_first(
        lambda: [name for name, part in parts.items() if not _is_done(part, name, facts, seed)]
    )
    for name in missing:
        record, items = _evaluated(language_model, {name: ready[name]}, seed)
        if is_first():
            _write(parts[name], record, _table(items))
    if not is_first():
        return
    records = [read_record(part / RECORD, EvaluationRecord) for part in parts.values()]
    whole = EvaluationRecord(
        model=facts,
        results={name: result for record in records for name, result in record.results.items()},
        environment=environment(str(language_model.device), process_count()),
        seconds={name: taken for record in records for name, taken in record.seconds.items()},
        seed=seed,
        command=command or {},
    )
    tables = [pq.read_table(part / ITEMS) for part in parts.values()]
    _write(directory, whole, pa.concat_tables(tables, promote_options="default"))
    clear_parts(directory)


def is_complete(directory: Path) -> bool:
    """Whether a whole evaluation is there; says on stderr where one is damaged.

    Of several processes, all must call it: the first looks.
    """

    def found() -> bool:
        if not (directory / RECORD).exists():
            return False
        try:
            read_evaluation(directory)
        except InputError as error:
            show_message(f"{error}; it is measured again")
            return False
        return True

    return broadcast_from_first(found)


def clear_parts(directory: Path) -> None:
    """Remove what a whole evaluation was put together from."""
    if is_first():
        shutil.rmtree(directory / PARTS, ignore_errors=True)


def _is_done(part: Path, name: str, facts: ModelFacts, seed: int) -> bool:
    """Whether the directory holds the evaluation of this benchmark on this model."""
    if not (part / RECORD).exists():
        return False
    try:
        record = read_evaluation(part).record
    except InputError:  # damaged: it is measured again
        return False
    return list(record.results) == [name] and (record.model, record.seed) == (facts, seed)


def _write(directory: Path, record: EvaluationRecord, items: pa.Table) -> None:
    with atomic_write(directory / ITEMS) as file:
        pq.write_table(items, file)
    write_record(record, directory / RECORD)


def _table(items: Items) -> pa.Table:
    """The items of one benchmark, which may have none."""
    columns = {name: pa.array([], pa.string()) for name in ID_COLUMNS}
    return pa.Table.from_pylist(items) if items else pa.table(columns)
