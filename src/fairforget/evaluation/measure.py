"""Run benchmarks on a model that is loaded; returns the scores and all scored items."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from fairforget.benchmarks import hash_words, is_seeded
from fairforget.benchmarks.degenerate import check_finite_scores
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.options import list_files
from fairforget.files.digest import hash_file, hash_values
from fairforget.generation.engine import AnyModel
from fairforget.generation.served import ServedModel
from fairforget.machine.processes import process_count
from fairforget.machine.stages import stage
from fairforget.models.fingerprint import describe_model
from fairforget.models.language_model import LanguageModel
from fairforget.records.environment import environment
from fairforget.records.evaluation import Items
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.terminal.progress import progress_bar

WORDS = "words"
"""Key of a result: the digest of the packaged words that its scores depend on."""
FILES = "files"
"""The same for the files among the options of a benchmark."""


def run_benchmarks(
    language_model: AnyModel, benchmarks: Mapping[str, Benchmark], seed: int
) -> tuple[EvaluationRecord, Items]:
    """Return the record, without the command that made it, and the items of all benchmarks.

    Raises:
        InputError: a score is not finite.
    """
    results, items, seconds = {}, [], {}
    for name, benchmark in benchmarks.items():
        options = {"seed": seed} if is_seeded(name) else {}
        digests = [hash_file(Path(file)) for file in list_files([name])]
        start = time.perf_counter()
        with stage(f"evaluating: {name}"), progress_bar(f"Evaluating {name}") as advance:
            measurement = benchmark.evaluate(
                cast("LanguageModel", language_model),  # or what its kinds allow
                **options,
                progress=lambda done, total, *, note="": advance(done, note, total),
            )
        check_finite_scores(name, measurement)
        results[name] = measurement.result
        if words := hash_words(name):
            results[name][WORDS] = words
        if digests:
            results[name][FILES] = hash_values(digests)
        items += [{"benchmark": name, **item} for item in measurement.items]
        seconds[name] = round(time.perf_counter() - start, 2)
    record = EvaluationRecord(
        model=describe_evaluated(language_model),
        results=results,
        environment=environment(device_of(language_model), process_count()),
        seconds=seconds,
        seed=seed,
    )
    return record, items


def describe_evaluated(language_model: AnyModel) -> ModelFacts:
    """Return the facts about a model, on this machine or on a server."""
    if isinstance(language_model, ServedModel):
        return language_model.describe()
    return describe_model(language_model)


def device_of(language_model: AnyModel) -> str:
    """Return the device of a model, or "server"."""
    return "server" if isinstance(language_model, ServedModel) else str(language_model.device)
