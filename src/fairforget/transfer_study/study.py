"""The transfer study: plan the runs, do those that are not done, put the matrix together."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from fairforget.benchmarks import check_model_kinds, find_bias_judge, load_benchmarks
from fairforget.benchmarks.overlap import check_unseen
from fairforget.corpora.domains import target_domains
from fairforget.errors import InputError
from fairforget.evaluation import evaluate_into
from fairforget.machine.devices import select_device
from fairforget.models.fingerprint import model_identity
from fairforget.records.evaluation import read_evaluation
from fairforget.records.outputs import check_output, open_output
from fairforget.records.paths import BEFORE, RUNS, STUDY
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import write_record
from fairforget.records.training_corpora import training_corpora
from fairforget.terminal.progress import progress_bar
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY, NOT_USED_UP, NOTED
from fairforget.training.preparation import check_training_dtype
from fairforget.transfer_study.cluster import Attempts, Cluster, workers
from fairforget.transfer_study.matrix import Result, seed_cells, transfer_matrix
from fairforget.transfer_study.plan import MATCHED, VERSIONS, Recipe, Run, plan_runs
from fairforget.transfer_study.record import Failure, StudyRecord
from fairforget.transfer_study.runs import (
    FinishedRun,
    compute_digests,
    forget_corpus,
    hash_items,
    load_original,
    read_finished_run,
    run_one,
)

NO_RECORD = "its record is not at {}; --output must be a directory that all machines see"


def transfer(
    recipe: Recipe,
    forget: Sequence[str],
    output: Path,
    *,
    objectives: Sequence[str],
    controls: Sequence[str],
    seeds: int,
    cluster: Cluster = "none",
    cpus_per_run: int = 1,
    gpus_per_run: float = 0.0,
) -> StudyRecord:
    """What does unlearning one bias do to the others, at equal damage, beside its controls?

    Runs that are done are recognised by their names, which depend on everything that determines
    their results; so a study that was cut off, or is asked for more seeds, does the rest only.

    Args:
        recipe: what all runs share.
        forget: corpora, each `CORPUS[:DOMAIN]`.
        output: directory for `study.json`, `before/` and `runs/`.
        objectives: names of `fairforget.objectives.OBJECTIVES`.
        controls: names of `fairforget.transfer_study.plan.CONTROLS`.
        seeds: how many, from 0.
        cluster: `ray` spreads the runs.
        cpus_per_run: cores that each takes there.
        gpus_per_run: likewise.

    Returns:
        The study, also written to `study.json`; runs that failed are named in it.

    Raises:
        InputError: a name that is unknown, missing data, or benchmarks whose items cannot be
            compared; or every run failed.
    """
    # the runs may be on other machines, which shall not choose anew
    recipe = replace(recipe, device=recipe.device or select_device(None).type)
    if cluster == "ray" and not gpus_per_run and select_device(recipe.device).type == "cuda":
        raise InputError(
            "--cluster ray on a machine with GPUs: say how many a run takes, such as "
            "--gpus_per_run 1, or --device cpu"
        )
    runs = plan_runs(recipe, forget, objectives=objectives, controls=controls, seeds=seeds)
    check_training_dtype(recipe.dtype)
    check_output(output)
    ready = load_benchmarks(recipe.benchmarks)
    benchmarks = [name for name in ready if find_bias_judge(name)]
    for corpus in (*forget, *training_corpora(recipe.model)):
        check_unseen(corpus, benchmarks)
    if not benchmarks:
        named = ", ".join(recipe.benchmarks)
        raise InputError(f"benchmarks {named} have no bias score that can be compared")
    with workers(cluster, cpus=cpus_per_run, gpus=gpus_per_run) as attempted:
        original = load_original(recipe)
        check_model_kinds(ready, original)
        model = model_identity(original)
        digest = compute_digests(runs, model)
        open_output(output, _same_before(recipe, model))
        evaluate_into(output / BEFORE, original, recipe.benchmarks)
        del original  # its memory is the runs'
        torch.cuda.empty_cache()
        directories = {run: output / RUNS / run.name(digest[run]) for run in runs}
        finished, failed = _run_all(directories, attempted)
    if not finished:
        raise InputError(f"all {len(runs)} runs failed; the first: {failed[0].error}")
    before = read_evaluation(output / BEFORE)
    results = [_result(run, finished[run]) for run in runs if run in finished]
    cells = seed_cells(before.items, results, benchmarks)  # refuses other items
    matrix, rows = transfer_matrix(before.items, results, benchmarks, controls=controls)
    crossed = {"forget": forget, "objectives": objectives, "controls": controls, "seeds": seeds}
    record = StudyRecord(
        model=before.record.model,
        settings={**crossed, **asdict(recipe)},
        rows=rows,
        matrix=matrix,
        cells=cells,
        failed=failed,
        environment=before.record.environment,
        seconds=_seconds(before.record, finished.values()),
    )
    write_record(record, output / STUDY)
    return record


def _run_all(
    directories: Mapping[Run, Path], attempted: Attempts
) -> tuple[dict[Run, FinishedRun], list[Failure]]:
    """What every run left, those that are not done once they were attempted, and what failed."""
    start = time.perf_counter()
    finished = {run: it for run, path in directories.items() if (it := read_finished_run(path))}
    waiting = [run for run in directories if run not in finished]
    failed = []
    with progress_bar(
        f"Runs ({len(finished)} of {len(directories)} done)", len(waiting)
    ) as advance:
        for index, error in attempted([partial(run_one, r, directories[r]) for r in waiting]):
            run = waiting[index]
            name = directories[run].name
            its = None if error else read_finished_run(directories[run])
            if its:
                finished[run] = its
                told = f"Done: {name}"
            else:
                failed.append(Failure(name, error or NO_RECORD.format(directories[run])))
                told = f"Run {name} failed: {failed[-1].error}"
            advance(1, name)
            print(told, file=sys.stderr)
    print(f"{len(waiting)} runs: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return finished, failed


def _same_before(recipe: Recipe, model: Mapping[str, str]) -> dict[str, Any]:
    """What one evaluation of the original stands for; all else may grow from call to call."""
    return {
        "model": recipe.model,
        **model,
        "device": select_device(recipe.device).type,
        "dtype": recipe.dtype,
        "start_token": recipe.start_token,
        "benchmarks": recipe.benchmarks,
        "items": hash_items(recipe.benchmarks),
        "versions": VERSIONS,
    }


def _result(run: Run, its: FinishedRun) -> Result:
    budget = its.record.budget
    everyday = budget.others.get(EVERYDAY_PERPLEXITY)
    return Result(
        run,
        its.after.items,
        budget.reached,
        _forgotten(run),
        everyday.reached if everyday else None,
        alpha=budget.alpha,
        short=NOT_USED_UP in budget.note.split(NOTED),
    )


def _forgotten(run: Run) -> frozenset[str]:
    """The domains that a run forgets; of a control, those of the forgetting that it stands beside.

    Matched texts are about nobody, but they stand for those that they were made from.
    """
    aimed = replace(run, control=None) if run.control == MATCHED else run
    return target_domains(run.forget, (text.domain for text in forget_corpus(aimed).texts))


def _seconds(before: EvaluationRecord, finished: Collection[FinishedRun]) -> dict[str, float]:
    """Of the evaluation before, and the mean of the runs."""
    taken = {
        "before": sum(before.seconds.values()),
        "training": fmean(its.record.seconds["training"] for its in finished),
        "interpolation": fmean(its.record.seconds["interpolation"] for its in finished),
        "evaluation": fmean(sum(its.after.record.seconds.values()) for its in finished),
    }
    return {phase: round(value, 2) for phase, value in taken.items()}
