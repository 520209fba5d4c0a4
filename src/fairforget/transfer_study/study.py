"""`transfer`: plan the runs of a study, execute the unfinished ones, build the matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any
from uuid import uuid4

import torch

from fairforget.benchmarks import (
    any_generates,
    benchmark_names,
    check_model_kinds,
    find_domain_judge,
    load_benchmarks,
)
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.corpora import corpus_names
from fairforget.corpora.domains import target_domains
from fairforget.corpora.reading import CONTROL_CORPUS
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.experiments.output import fixed_settings, reported_output
from fairforget.experiments.runs import do_runs, find_device, start_workers
from fairforget.files.home import expand_home
from fairforget.machine.devices import select_device
from fairforget.models.fingerprint import model_identity
from fairforget.names import split_commas
from fairforget.records.evaluation import read_evaluation
from fairforget.records.outputs import check_output, open_output
from fairforget.records.paths import BEFORE, RUNS, STUDY
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import write_record
from fairforget.settings import StudySettings, TransferSettings
from fairforget.settings_merging import merge_settings
from fairforget.training.from_settings import load_to_train
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY
from fairforget.training.trainability import check_training_dtype
from fairforget.transfer_study.doses import check_dose_dtype, dose_response, parse_doses
from fairforget.transfer_study.groups import Result
from fairforget.transfer_study.margins import Margins
from fairforget.transfer_study.matrix import seed_cells, transfer_matrix
from fairforget.transfer_study.plan import (
    Recipe,
    StudyRun,
    corpus_name,
    name_controls,
    order_stages,
    plan_runs,
)
from fairforget.transfer_study.record import StudyRecord
from fairforget.transfer_study.runs import (
    REWRITERS,
    FinishedStudyRun,
    begin_study,
    check_spans,
    compute_digests,
    forget_corpus,
    read_run,
    run_one,
)


def transfer(
    model: str | Path,
    *,
    output_dir: str | Path,
    forget: str | Sequence[str] | None = None,
    benchmarks: str | Sequence[str] | None = None,
    objectives: str | Sequence[str] | None = None,
    controls: str | Sequence[str] | None = None,
    settings: TransferSettings | None = None,
    **overrides: Any,
) -> StudyRecord:
    """Run a transfer study: measure how unlearning one bias changes others, at equal utility loss.

    Every forget corpus, control, objective and seed is one run: unlearn, interpolate to the
    budget, evaluate. A finished run is reused if everything that determines its result is the same.
    So the same call resumes an interrupted study, and a call with more seeds adds only those.

    Args:
        model: a hub id, a local directory, a .gguf file or `smollm2`.
        output_dir: where to write `study.json`, `report.html`, `before/` and `runs/`.
        forget: forget sets: domains or groups of `corpus`, or `CORPUS[:DOMAIN]` of another corpus.
        benchmarks: benchmarks whose items can be paired.
        objectives: names of `fairforget.objectives.OBJECTIVES`, with constants: `simnpo?beta=0.1`.
        controls: names of `fairforget.transfer_study.plan.CONTROLS`.
        settings: all other settings. Default: `TransferSettings()`.
        **overrides: fields of `TransferSettings` as keywords; they take precedence over `settings`.

    Returns:
        The study, including a list of failed runs.

    Raises:
        InputError: an unknown name, a model that is loaded already, missing data, benchmarks whose
            items cannot be compared; or every run failed.
        TypeError: an override that is not a setting.
    """
    if not isinstance(model, str | Path):
        raise InputError(
            f"model is a {type(model).__name__}; give its name or directory, because every run "
            "loads it"
        )
    settings = merge_settings(
        settings or TransferSettings(),
        overrides,
        forget=forget,
        benchmarks=benchmarks,
        objectives=objectives,
        controls=controls,
    )
    output = expand_home(output_dir)
    with reported_output(output, settings):
        return _run_study(str(model), settings, output)


def _run_study(model: str, settings: TransferSettings, output: Path) -> StudyRecord:
    """Execute the unfinished runs, and write `study.json`."""
    device = find_device(settings)
    settings = replace(settings, device=device)
    shared = {f.name: getattr(settings, f.name) for f in fields(StudySettings)}
    recipe = Recipe(model=model, benchmarks=(*benchmark_names(settings.benchmarks),), **shared)
    forget = [corpus_name(name, settings.corpus) for name in corpus_names(settings.forget)]
    objectives, controls = split_commas(settings.objectives), split_commas(settings.controls)
    margins = Margins(settings.margin, settings.margin_continuous)
    doses = [*parse_doses(recipe.doses, recipe.benchmarks)]
    check_dose_dtype(recipe.doses, recipe.dtype)
    runs = plan_runs(recipe, forget, objectives=objectives, controls=controls, seeds=settings.seeds)
    check_training_dtype(recipe.dtype)
    check_output(output, [recipe.model])
    ready = load_benchmarks(recipe.benchmarks)
    benchmarks = [name for name in ready if find_domain_judge(name)]
    check_unseen(ready, corpora=[*forget, recipe.retain], models=[recipe.model])
    if not benchmarks:
        named = ", ".join(recipe.benchmarks)
        raise InputError(f"benchmarks {named} have no bias score in single domains; add stereoset")
    study = uuid4().hex
    with start_workers(settings, device) as attempted:
        digests = _evaluate_original(recipe, ready, runs, output, study)
        torch.cuda.empty_cache()  # its memory is for the runs
        directories = {run: output / RUNS / run.name(digests[run]) for run in runs}
        finished, failed = do_runs(
            directories,
            partial(_run_for, study),
            partial(read_run, doses=doses),
            attempted,
            stages=partial(order_stages, parallel=settings.cluster == "ray"),
        )
    before = read_evaluation(output / BEFORE)
    results = [_result(run, finished[run]) for run in runs if run in finished]
    cells = seed_cells(before.items, results, benchmarks)  # refuses other items
    matrix = transfer_matrix(
        before.items,
        results,
        benchmarks,
        controls=name_controls(controls, recipe.match),
        margins=margins,
    )
    crossed = {
        "forget": forget,
        "objectives": objectives,
        "controls": controls,
        "seeds": settings.seeds,
    }
    record = StudyRecord(
        model=before.record.model,
        settings={**crossed, **asdict(margins), **asdict(recipe)},
        rows=matrix.rows,
        matrix=matrix.cells,
        omnibus=matrix.omnibus,
        cells=cells,
        failed=failed,
        environment=before.record.environment,
        seconds=_seconds(before.record, finished.values()),
        doses=dose_response(before.record, finished) if doses else [],
        gaps=matrix.gaps,
    )
    write_record(record, output / STUDY)
    return record


def _run_for(study: str, run: StudyRun, directory: Path) -> None:
    """Execute a run of a study, maybe in a process that had runs of another one."""
    begin_study(study)
    run_one(run, directory)


def _evaluate_original(
    recipe: Recipe,
    benchmarks: Mapping[str, Benchmark],
    runs: Sequence[StudyRun],
    output: Path,
    study: str,
) -> dict[StudyRun, str]:
    """Evaluate the original model into `output`, and return the digest of each run."""
    original = load_to_train(recipe.model, recipe)
    check_model_kinds(benchmarks, original)
    model = model_identity(original, generates=any_generates(benchmarks))
    digests = compute_digests(runs, model, study)
    check_spans(runs)
    # what the evaluation of the original depends on; all else may change between calls
    fixed = fixed_settings(
        recipe.benchmarks,
        {
            "model": recipe.model,
            **model,
            "device": select_device(recipe.device).type,
            "dtype": recipe.dtype,
            "start_token": recipe.start_token,
        },
    )
    open_output(output, fixed)
    evaluate_into(output / BEFORE, original, recipe.benchmarks)
    return digests


def _result(run: StudyRun, finished: FinishedStudyRun) -> Result:
    budget = finished.record.budget
    everyday = budget.others.get(EVERYDAY_PERPLEXITY)
    return Result(
        run,
        finished.after.items,
        budget.reached,
        _forget_domains(run),
        everyday.reached if everyday else None,
        alpha=budget.alpha,
        short=not budget.is_used_up,
        movement=budget.movement,
    )


def _forget_domains(run: StudyRun) -> frozenset[str]:
    """Return the domains that a run forgets; for a control, those of the run that it controls.

    Rewritten texts name no group or another one, so they count for those they were made from.
    """
    rewritten = run.control_kind in REWRITERS and run.forget != CONTROL_CORPUS
    aimed = replace(run, control=None) if rewritten or run.matched_on else run
    return target_domains(run.forget, (text.domain for text in forget_corpus(aimed).texts))


def _seconds(before: EvaluationRecord, finished: Collection[FinishedStudyRun]) -> dict[str, float]:
    """Return the seconds of the first evaluation, and of each phase of a run on average."""
    seconds = {
        "before": sum(before.seconds.values()),
        "training": fmean(run.record.seconds.get("training", 0.0) for run in finished),
        "interpolation": fmean(run.record.seconds.get("interpolation", 0.0) for run in finished),
        "evaluation": fmean(sum(run.after.record.seconds.values()) for run in finished),
    }
    return {phase: round(value, 2) for phase, value in seconds.items()}
