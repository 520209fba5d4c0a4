"""The transfer study: plan the runs, do those that are not done, put the matrix together."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fairforget.benchmarks import bias_judge_of, checked
from fairforget.corpora.domains import forgotten_domains
from fairforget.devices import chosen_device
from fairforget.errors import InputError
from fairforget.evaluation import evaluate_into, read_items
from fairforget.fingerprint import makeup
from fairforget.landing import NOT_USED_UP
from fairforget.outputs import check_output, open_output
from fairforget.overlap import check_unseen
from fairforget.preparation import EVERYDAY, check_trainable
from fairforget.progress import bar
from fairforget.records import (
    AFTER,
    BEFORE,
    RECORD,
    RUNS,
    EvaluationRecord,
    UnlearningRecord,
    read_record,
    write_record,
)
from fairforget.transfer.cluster import Cluster, workers
from fairforget.transfer.matrix import Result, seed_cells, transfer_matrix
from fairforget.transfer.plan import MATCHED, VERSIONS, Recipe, Run, planned
from fairforget.transfer.record import STUDY, Failure, StudyRecord
from fairforget.transfer.running import (
    carry_out,
    digests,
    forget_corpus,
    is_done,
    items_digest,
    load,
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
        controls: names of `fairforget.transfer.plan.CONTROLS`.
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
    runs = planned(recipe, forget, objectives=objectives, controls=controls, seeds=seeds)
    check_trainable(recipe.dtype)
    check_output(output)
    benchmarks = [name for name in checked(recipe.benchmarks) if bias_judge_of(name)]
    for corpus in forget:
        check_unseen(corpus, benchmarks)
    if not benchmarks:
        named = ", ".join(recipe.benchmarks)
        raise InputError(f"benchmarks {named} have no bias score that can be compared")
    with workers(cluster, cpus=cpus_per_run, gpus=gpus_per_run) as attempted:
        original = load(recipe)
        model = makeup(original)
        digest = digests(runs, model)
        open_output(output, _same_before(recipe, model))
        start = time.perf_counter()
        evaluate_into(output / BEFORE, original, recipe.benchmarks)
        del original  # its memory is the runs'
        torch.cuda.empty_cache()
        directories = {run: output / RUNS / run.name(digest[run]) for run in runs}
        waiting = [run for run in runs if not is_done(directories[run])]
        tasks = [partial(carry_out, run, directories[run]) for run in waiting]
        errors: dict[Run, str] = {}
        with bar(f"Runs ({len(runs) - len(waiting)} of {len(runs)} done)", len(waiting)) as advance:
            for index, error in attempted(tasks):
                run = waiting[index]
                name = directories[run].name
                if not error and not (directories[run] / RECORD).exists():
                    error = NO_RECORD.format(directories[run])
                advance(1, name)
                if error:
                    errors[run] = error
                print(f"Run {name} failed: {error}" if error else f"Done: {name}", file=sys.stderr)
    if len(errors) == len(runs):
        raise InputError(f"all {len(runs)} runs failed; the first: {next(iter(errors.values()))}")
    done = {run: path for run, path in directories.items() if run not in errors}
    failed = [Failure(directories[run].name, error) for run, error in errors.items()]
    crossed = {"forget": forget, "objectives": objectives, "controls": controls, "seeds": seeds}
    record = _put_together(output, done, benchmarks, {**crossed, **asdict(recipe)}, failed)
    write_record(record, output / STUDY)
    print(f"{len(waiting)} runs: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return record


def _same_before(recipe: Recipe, model: Mapping[str, str]) -> dict[str, Any]:
    """What one evaluation of the original stands for; all else may grow from call to call."""
    return {
        "model": recipe.model,
        **model,
        "device": chosen_device(recipe.device).type,
        "dtype": recipe.dtype,
        "start_token": recipe.start_token,
        "benchmarks": recipe.benchmarks,
        "items": items_digest(recipe.benchmarks),
        "versions": VERSIONS,
    }


def _put_together(
    output: Path,
    done: dict[Run, Path],
    benchmarks: Sequence[str],
    settings: dict[str, Any],
    failed: list[Failure],
) -> StudyRecord:
    before = read_record(output / BEFORE / RECORD, EvaluationRecord)
    records = {run: read_record(path / RECORD, UnlearningRecord) for run, path in done.items()}
    results = [
        Result(
            run,
            read_items(path / AFTER),
            records[run].budget.reached,
            _forgotten(run),
            everyday.reached if (everyday := records[run].budget.others.get(EVERYDAY)) else None,
            alpha=records[run].budget.alpha,
            short=records[run].budget.note == NOT_USED_UP,
        )
        for run, path in done.items()
    ]
    old = read_items(output / BEFORE)
    matrix, rows = transfer_matrix(old, results, benchmarks, controls=settings["controls"])
    return StudyRecord(
        model=before.model,
        settings=settings,
        rows=rows,
        matrix=matrix,
        cells=seed_cells(old, results, benchmarks),
        failed=failed,
        environment=before.environment,
        seconds=_seconds(before, done, list(records.values())),
    )


def _forgotten(run: Run) -> frozenset[str]:
    """The domains that a run forgets; of a control, those of the forgetting that it stands beside.

    Matched texts are about nobody, but they stand for those that they were made from.
    """
    aimed = replace(run, control=None) if run.control == MATCHED else run
    return forgotten_domains(run.forget, (text.domain for text in forget_corpus(aimed).texts))


def _seconds(
    before: EvaluationRecord, done: dict[Run, Path], records: Sequence[UnlearningRecord]
) -> dict[str, float]:
    """Of the evaluation before, and the mean of the runs."""
    after = [
        sum(read_record(path / AFTER / RECORD, EvaluationRecord).seconds.values())
        for path in done.values()
    ]
    return {
        "before": round(sum(before.seconds.values()), 2),
        **{
            phase: round(sum(r.seconds[phase] for r in records) / len(records), 2)
            for phase in ("training", "landing")
        },
        "evaluation": round(sum(after) / len(after), 2),
    }
