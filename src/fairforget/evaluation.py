"""`evaluate`: run benchmarks on a model; returns a record of scores and all scored items."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks import check_model_kinds, hash_words, is_seeded, load_benchmarks
from fairforget.benchmarks.degenerate import check_finite_scores
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write
from fairforget.generation.engine import AnyModel
from fairforget.generation.journal import keep_continuations
from fairforget.generation.served import ServedModel
from fairforget.machine.processes import broadcast_from_first, is_first, process_count
from fairforget.machine.stages import stage
from fairforget.models.fingerprint import describe_model, hash_identity
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_with_settings
from fairforget.models.placement import place_model
from fairforget.names import split_commas
from fairforget.records.environment import environment
from fairforget.records.evaluation import ID_COLUMNS, Evaluation, Items, read_evaluation
from fairforget.records.outputs import CONTENT, check_output, open_output, release_output
from fairforget.records.paths import ITEMS, JOURNAL, PARTS, RECORD
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import read_finished, read_record, write_record
from fairforget.records.training_corpora import training_corpora
from fairforget.seeds import check_seed
from fairforget.settings import EvaluationSettings, ModelSettings
from fairforget.settings_merging import command_settings, merge_settings, settings_of_model
from fairforget.terminal.messages import show_message
from fairforget.terminal.progress import progress_bar

WORDS = "words"
"""Key of a result: the digest of the packaged words that its scores depend on."""


def evaluate(
    model: str | LanguageModel,
    benchmarks: str | Sequence[str] | None = None,
    *,
    output_dir: str | Path | None = None,
    settings: EvaluationSettings | None = None,
    **overrides: Any,
) -> Evaluation:
    """Evaluate a model on benchmarks.

    Repeat the call with the same `output_dir` to resume an interrupted evaluation, or to load a
    finished one. Finished benchmarks are not repeated, nor are the finished continuations of
    an unfinished benchmark. Under a launcher with several processes, every process must make the
    call; the work is divided among them.

    Args:
        model: a hub id, a local directory, a .gguf file or `smollm2`; with `server`, the name of
            the model on the server; or a loaded model, which stays where it is unless `device` is
            set.
        benchmarks: `NAME[:OPTION]…`, as a list or a comma-separated string. Default: `stereoset`.
        output_dir: where to write `record.json` and `items.parquet`; without it, nothing is kept
            on disk.
        settings: all other settings. Default: `EvaluationSettings()`.
        **overrides: fields of `EvaluationSettings` as keywords; they take precedence over
            `settings`.

    Returns:
        The scores by benchmark and domain, the record and the scored items.

    Raises:
        InputError: a benchmark is unknown, listed twice or does not support the model; data are
            missing or malformed; or `output_dir` contains something else.
        TypeError: an override that is not a setting.

    Examples:
        >>> evaluate("smollm2", ["stereoset"])["stereoset"]["gender"].ss
    """
    settings = merge_settings(settings or EvaluationSettings(), overrides, benchmarks=benchmarks)
    check_seed(settings.seed)
    output = None if output_dir is None else Path(output_dir)
    if output:
        check_output(output)
    names = split_commas(settings.benchmarks)
    if not names:
        raise InputError("benchmarks is empty; give at least one, such as stereoset")
    loaded = load_benchmarks(names)
    settings = replace(settings, benchmarks=",".join(loaded))
    user_model = model if isinstance(model, LanguageModel) else None
    if user_model:
        if settings.server:
            raise InputError(
                "server cannot be used with a model that is already loaded; pass the model's name "
                "instead"
            )
        settings = settings_of_model(settings, user_model)
    source = user_model.source if user_model else str(model)
    for corpus in training_corpora(source):
        check_unseen(corpus, loaded)

    served = _find_served(source, settings)
    given = user_model or served
    if given:
        check_model_kinds(loaded, given)
    device = place_model(user_model, settings.device)
    if settings.server and process_count() > 1:
        raise InputError(
            "a served model is evaluated by one process only; run the command without a launcher"
        )

    def load() -> AnyModel:
        return given or _load(source, settings, str(device), loaded)

    if output is None:
        return Evaluation(None, *_run_benchmarks(load(), loaded, settings.seed))
    command = command_settings("evaluate", settings, model=source)
    inputs = fingerprint_inputs([] if given else [source]) | fingerprint_benchmarks(loaded)
    if user_model:
        inputs[f"{CONTENT}model"] = hash_identity(user_model)[:16]
    try:
        if (output / RECORD).exists() and is_first():
            open_output(output, command | inputs)  # refuses another command's directory
        if is_complete(output):
            remove_parts(output)
        else:
            language_model = load()
            if is_first():
                open_output(output, command | inputs)
            evaluate_into(
                output,
                language_model,
                list(loaded),
                seed=settings.seed,
                command={} if user_model else command,
            )
        return broadcast_from_first(lambda: read_evaluation(output))
    finally:
        release_output(output)


def _load(
    source: str, settings: EvaluationSettings, device: str, benchmarks: Mapping[str, Benchmark]
) -> LanguageModel:
    """Load the model, and check that the benchmarks support it."""
    language_model = load_with_settings(source, replace(settings, device=device))
    check_model_kinds(benchmarks, language_model)
    return language_model


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
    if is_complete(directory):
        remove_parts(directory)
        return
    if is_first():
        (directory / RECORD).unlink(missing_ok=True)  # a damaged one
    facts = _describe(language_model)
    loaded = load_benchmarks(benchmarks, language_model)
    parts = {name: directory / PARTS / str(n) for n, name in enumerate(loaded)}
    missing = broadcast_from_first(
        lambda: [name for name, part in parts.items() if not _is_done(part, name, facts, seed)]
    )
    for name in missing:
        with keep_continuations(parts[name] / JOURNAL, facts):
            record, items = _run_benchmarks(language_model, {name: loaded[name]}, seed)
        if is_first():
            _write(parts[name], record, _table(items))
    if not is_first():
        return
    records = [read_record(part / RECORD, EvaluationRecord) for part in parts.values()]
    merged = EvaluationRecord(
        model=facts,
        results={name: result for record in records for name, result in record.results.items()},
        environment=environment(_device_of(language_model), process_count()),
        seconds={name: seconds for record in records for name, seconds in record.seconds.items()},
        seed=seed,
        command=command or {},
    )
    tables = [pq.read_table(part / ITEMS) for part in parts.values()]
    _write(directory, merged, pa.concat_tables(tables, promote_options="default"))
    remove_parts(directory)


def is_complete(directory: Path) -> bool:
    """Return whether the directory has a complete evaluation; reports a damaged one on stderr.

    Every process must call it; the first checks.
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
        return not stale

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


def _find_served(source: str, settings: EvaluationSettings) -> ServedModel | None:
    """Return the served model if `settings.server` is set, else None.

    Raises:
        InputError: a setting is out of range, or has no effect on this kind of model.
    """
    limits = {"concurrency": settings.server_concurrency, "timeout": settings.server_timeout}
    given: dict[str, Any] = {name: limit for name, limit in limits.items() if limit is not None}
    if settings.server is None:
        if given:
            raise InputError(f"server_{next(iter(given))} needs a server; add server, or remove it")
        return None
    for field in fields(ModelSettings):
        if getattr(settings, field.name):
            raise InputError(f"{field.name} has no effect on a served model; remove it")
    for name, limit in given.items():
        if not 0 < limit < math.inf:
            raise InputError(f"server_{name} is {limit:g}; it must be positive and finite")
    return ServedModel(source, settings.server, **given)


def _run_benchmarks(
    language_model: AnyModel, benchmarks: Mapping[str, Benchmark], seed: int
) -> tuple[EvaluationRecord, Items]:
    results, items, seconds = {}, [], {}
    for name, benchmark in benchmarks.items():
        options = {"seed": seed} if is_seeded(name) else {}
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
        items += [{"benchmark": name, **item} for item in measurement.items]
        seconds[name] = round(time.perf_counter() - start, 2)
    record = EvaluationRecord(
        model=_describe(language_model),
        results=results,
        environment=environment(_device_of(language_model), process_count()),
        seconds=seconds,
        seed=seed,
    )
    return record, items


def _describe(language_model: AnyModel) -> ModelFacts:
    if isinstance(language_model, ServedModel):
        return language_model.describe()
    return describe_model(language_model)


def _device_of(language_model: AnyModel) -> str:
    return "server" if isinstance(language_model, ServedModel) else str(language_model.device)


def _is_done(part: Path, name: str, facts: ModelFacts, seed: int) -> bool:
    """Return whether the directory has this benchmark's result for this model and seed."""
    evaluation = read_finished(part, read_evaluation, remedy=None)
    return (
        evaluation is not None
        and list(evaluation.record.results) == [name]
        and (evaluation.record.model, evaluation.record.seed) == (facts, seed)
        and not _list_stale(evaluation.record)
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
