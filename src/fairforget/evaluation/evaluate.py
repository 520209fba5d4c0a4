"""`evaluate`: load a model if necessary, and run benchmarks on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fairforget.benchmarks import benchmark_names, check_model_kinds, load_benchmarks
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into, is_complete, remove_parts
from fairforget.evaluation.measure import run_benchmarks
from fairforget.files.home import expand_home
from fairforget.generation.engine import AnyModel
from fairforget.generation.served import ServedModel
from fairforget.machine.processes import broadcast_from_first, process_count, run_on_first
from fairforget.models.fingerprint import hash_identity
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.language_model import LanguageModel, check_model
from fairforget.models.loading import load_with_settings
from fairforget.models.placement import place_model
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.outputs import CONTENT, check_output, open_output, release_output
from fairforget.records.paths import SETTINGS
from fairforget.seeds import check_seed
from fairforget.settings import EvaluationSettings, ModelSettings
from fairforget.settings_merging import command_settings, merge_settings, settings_of_model


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
    check_model(model)
    settings = merge_settings(settings or EvaluationSettings(), overrides, benchmarks=benchmarks)
    check_seed(settings.seed)
    output = None if output_dir is None else expand_home(output_dir)
    if output:
        local = not isinstance(model, LanguageModel) and not settings.server
        check_output(output, [str(model)] if local else [])
    names = benchmark_names(settings.benchmarks)
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
    check_unseen(loaded, models=[] if settings.server else [source])

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
        return Evaluation(None, *run_benchmarks(load(), loaded, settings.seed))
    command = command_settings("evaluate", settings, model=source)
    inputs = fingerprint_inputs([] if given else [source]) | fingerprint_benchmarks(loaded)
    if user_model:
        inputs[f"{CONTENT}model"] = hash_identity(user_model)[:16]
    try:
        if broadcast_from_first((output / SETTINGS).exists):  # refuse another command's directory
            run_on_first(lambda: open_output(output, command | inputs))
        if is_complete(output):
            remove_parts(output)
        else:
            language_model = load()
            run_on_first(lambda: open_output(output, command | inputs))
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
