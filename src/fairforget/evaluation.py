"""Measure a model on benchmarks: a record of scores, and a table of every scored item."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks import benchmark, checked
from fairforget.models import LanguageModel
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

    Args:
        language_model: as `load_model` gives it.
        benchmarks: their names.
        seed: of the bootstrap intervals.

    Returns:
        The record, and one row per scored item of all benchmarks.

    Raises:
        InputError: an unknown benchmark, or data that is missing or malformed.
    """
    results, items, seconds = {}, [], {}
    for name in checked(benchmarks):
        start = time.perf_counter()
        with bar(f"Measuring {name}") as advance:
            measured = benchmark(name)(language_model, seed=seed, progress=advance)
        results[name] = measured.result
        items += measured.items
        seconds[name] = round(time.perf_counter() - start, 2)
    record = EvaluationRecord(
        model=model_facts(language_model),
        results=results,
        environment=environment(str(language_model.device)),
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

    The record is written last: where it stands, the items do too.
    """
    if (directory / RECORD).exists():
        return
    record, items = evaluate(language_model, benchmarks, seed=seed)
    with whole_file(directory / ITEMS) as file:
        pq.write_table(pa.Table.from_pylist(items), file)
    write_record(record, directory / RECORD)
