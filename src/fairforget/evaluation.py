"""Measure a model on benchmarks: a record of scores, and a table of every scored item."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks import benchmark, checked
from fairforget.errors import InputError
from fairforget.models import LanguageModel
from fairforget.processes import count, is_first
from fairforget.progress import bar
from fairforget.records import (
    ITEMS,
    RECORD,
    EvaluationRecord,
    ModelFacts,
    environment,
    whole_file,
    write_record,
)

Items = list[dict[str, Any]]


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
        InputError: an unknown benchmark, or data that is missing or malformed.
    """
    results, items, seconds = {}, [], {}
    for name in checked(benchmarks):
        start = time.perf_counter()
        measure = benchmark(name)
        if is_first():
            with bar(f"Measuring {name}") as advance:
                measured = measure(language_model, seed=seed, progress=advance)
        else:
            measured = measure(language_model, seed=seed)
        results[name] = measured.result
        items += [{**item, "benchmark": name} for item in measured.items]
        seconds[name] = round(time.perf_counter() - start, 2)
    record = EvaluationRecord(
        model=model_facts(language_model),
        results=results,
        environment=environment(str(language_model.device), count()),
        seconds=seconds,
        seed=seed,
    )
    return record, items


def model_facts(language_model: LanguageModel) -> ModelFacts:
    """What a record says of a model."""
    return ModelFacts(
        source=language_model.source,
        parameters=language_model.parameters,
        dtype=str(language_model.model.dtype).removeprefix("torch."),
        start_token=language_model.start_token,
    )


def evaluate_into(
    directory: Path, language_model: LanguageModel, benchmarks: Sequence[str], *, seed: int = 0
) -> None:
    """Evaluate and write `items.parquet` and `record.json`, unless the record is there already.

    The record is written last: where it stands, the items do too. Of several processes, the first
    writes.
    """
    if (directory / RECORD).exists():
        return
    record, items = evaluate(language_model, benchmarks, seed=seed)
    if is_first():
        with whole_file(directory / ITEMS) as file:
            pq.write_table(_table(items), file)
        write_record(record, directory / RECORD)


def read_items(directory: Path) -> Items:
    """The scored items that `evaluate_into` wrote.

    Raises:
        InputError: they are not there, or damaged.
    """
    path = directory / ITEMS
    try:
        return pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); evaluate again") from error


def _table(items: Items) -> pa.Table:
    """All items; columns that a benchmark does not have are null in its rows."""
    tables = [pa.table({name: pa.array([], pa.string()) for name in ("benchmark", "id", "domain")})]
    for name in dict.fromkeys(item["benchmark"] for item in items):
        tables.append(pa.Table.from_pylist([i for i in items if i["benchmark"] == name]))
    return pa.concat_tables(tables, promote_options="default")
