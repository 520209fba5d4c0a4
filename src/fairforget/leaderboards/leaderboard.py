"""`leaderboard`: plan the runs, execute the unfinished ones, compare the methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fairforget.benchmarks import any_generates, benchmark_names, check_model_kinds, load_benchmarks
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.errors import InputError
from fairforget.experiments.output import fixed_settings, reported_output
from fairforget.experiments.runs import do_runs, find_device, start_workers
from fairforget.files.home import expand_home
from fairforget.leaderboards.given_weights import find_method, identify_given, is_given
from fairforget.leaderboards.plan import (
    ORIGINAL,
    MethodRun,
    measures_everyday,
    plan_runs,
)
from fairforget.leaderboards.record import LeaderboardRecord, MethodFacts
from fairforget.leaderboards.rows import compare_with_original, make_rows
from fairforget.leaderboards.runs import do_run, held_out_corpora, read_run
from fairforget.machine.devices import release_memory, select_device
from fairforget.models.fingerprint import model_identity
from fairforget.names import split_commas
from fairforget.records.environment import environment
from fairforget.records.outputs import check_output, open_output
from fairforget.records.paths import LEADERBOARD, RUNS
from fairforget.records.store import write_record
from fairforget.settings import LeaderboardSettings
from fairforget.settings_merging import merge_settings
from fairforget.training.from_settings import load_to_train
from fairforget.training.trainability import check_training_dtype


def leaderboard(
    *,
    output_dir: str | Path,
    models: str | Sequence[str] | None = None,
    methods: str | Sequence[str] | None = None,
    benchmarks: str | Sequence[str] | None = None,
    settings: LeaderboardSettings | None = None,
    **overrides: Any,
) -> LeaderboardRecord:
    """Compare debiasing methods on the same models, at full strength and within a budget.

    Every model, method and seed is one run: apply the method, evaluate, interpolate the weights to
    the budget, evaluate. A finished run is reused, so the same call resumes an interrupted
    leaderboard, and a call with more methods or seeds adds only those.

    Args:
        output_dir: where to write `leaderboard.json`, `report.html` and `runs/`.
        models: hub ids, local directories, .gguf files or `smollm2`.
        methods: names in `fairforget.methods.METHODS`, or paths or Hub ids of models that were
            debiased by other means; these must be derived from the models in `models`. Default: all
            names in `METHODS`.
        benchmarks: benchmarks to evaluate on. Default: those of `LeaderboardSettings`.
        settings: all other settings. Default: `LeaderboardSettings()`.
        **overrides: fields of `LeaderboardSettings` as keywords; they take precedence over
            `settings`.

    Returns:
        The scores and effects of all methods, and the failed runs.

    Raises:
        InputError: a name is unknown, a model was trained on items of a benchmark, data or the
            extra `report` are missing, or every run failed.
        TypeError: an override is not a setting.
    """
    settings = merge_settings(
        settings or LeaderboardSettings(),
        overrides,
        models=models,
        methods=methods,
        benchmarks=benchmarks,
    )
    output = expand_home(output_dir)
    with reported_output(output, settings):
        return _compare_methods(settings, output)


def _compare_methods(settings: LeaderboardSettings, output: Path) -> LeaderboardRecord:
    """Execute the unfinished runs, and write `leaderboard.json`."""
    for cached in (measures_everyday, held_out_corpora):  # data may have been installed meanwhile
        cached.cache_clear()
    device = find_device(settings)
    settings = replace(settings, device=device)
    runs = plan_runs(settings)
    _check_dtype(settings.dtype)
    methods = split_commas(settings.methods)
    sources = [*split_commas(settings.models), *filter(is_given, methods)]
    check_output(output, sources)
    ready = load_benchmarks(benchmark_names(settings.benchmarks))
    check_unseen(ready, models=sources)
    with start_workers(settings, device) as attempted:
        identities = _identify_models(runs, ready)
        fixed = fixed_settings(
            benchmark_names(settings.benchmarks),
            {
                "device": select_device(device).type,
                "dtype": settings.dtype,
                "start_token": settings.start_token,
            },
        )
        open_output(output, fixed)
        directories = {run: output / RUNS / run.name(identities) for run in runs}
        finished, failed = do_runs(directories, do_run, read_run, attempted)
    in_order = {run: finished[run] for run in runs if run in finished}
    record = LeaderboardRecord(
        models={run.model: result.record.model for run, result in in_order.items()},
        settings=asdict(settings),
        methods={
            name: MethodFacts(m.paper, m.summary, m.change, m.is_control)
            for name in methods
            for m in [find_method(name, settings)]
        },
        rows=make_rows(in_order),
        effects=compare_with_original(in_order),
        failed=failed,
        environment=environment(device),
    )
    write_record(record, output / LEADERBOARD)
    return record


def _check_dtype(dtype: str | None) -> None:
    """Check that methods can train in a dtype.

    Raises:
        InputError: they cannot.
    """
    check_training_dtype(dtype)
    if dtype == "bfloat16":
        raise InputError(
            "dtype bfloat16 is too coarse: methods that continue training would lose most of their "
            "updates to rounding; use float32"
        )


def _identify_models(
    runs: Sequence[MethodRun], benchmarks: Mapping[str, Benchmark]
) -> dict[str, dict[str, str]]:
    """Load each model once, and each that is given as a method, and return what identifies it.

    Raises:
        InputError: two names are the same model, a benchmark does not support a model, or weights
            that are given as a method do not fit a model.
    """
    identities: dict[str, dict[str, str]] = {}
    given: dict[str, dict[str, str]] = {}
    for run in runs:
        if run.method == ORIGINAL:
            original = load_to_train(run.model, run.settings)
            check_model_kinds(benchmarks, original)
            identity = model_identity(original, generates=any_generates(benchmarks))
            if same := [name for name, known in identities.items() if known == identity]:
                raise InputError(
                    f"models: {same[0]!r} and {run.model!r} are the same model; list it once"
                )
            identities[run.model] = identity
            given |= identify_given(runs, original)
            del original  # frees its memory for the next model and the runs
            release_memory()
    return given | identities
