"""One run of a leaderboard: apply a method, evaluate, interpolate to the budget, evaluate."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fairforget.benchmarks import any_generates, benchmark_names
from fairforget.corpora.corpus import Corpus
from fairforget.evaluation.directory import evaluate_into
from fairforget.experiments.runs import check_name
from fairforget.leaderboards.cost import Cost, measure_cost, slowdown
from fairforget.leaderboards.given_weights import find_method, identify_given
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED, MethodRun
from fairforget.leaderboards.record import RunRecord
from fairforget.leaderboards.within_budget import copy_original, interpolate_within_budget
from fairforget.methods.passages import retain_corpus
from fairforget.models.fingerprint import describe_model, model_identity
from fairforget.models.language_model import LanguageModel
from fairforget.records.environment import environment
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import RECORD
from fairforget.records.store import read_record, write_record
from fairforget.training.budget_search import measure_perplexities
from fairforget.training.from_settings import load_to_train
from fairforget.training.limits import Limits
from fairforget.training.original import Original, Sequences
from fairforget.training.preparation import (
    RETAIN,
    encode_retain,
    list_retain_corpora,
    load_everyday_corpus,
)

TIMED = 16
"""Number of held-out texts that are scored to time inference."""


@dataclass(frozen=True, slots=True)
class FinishedMethodRun:
    """The record and the evaluations of a finished run."""

    record: RunRecord
    evaluations: Mapping[str, Evaluation]
    """Cost → evaluation."""


def do_run(run: MethodRun, directory: Path) -> None:
    """Execute a run from the start, after removing the content of the directory.

    Writes the evaluations and, last, the record; the weights are not kept.

    Raises:
        InputError: the method does not support the model, or model, benchmark files or versions
            differ from those of the machine that planned the leaderboard.
    """
    language_model = load_to_train(run.model, run.settings)
    benchmarks = benchmark_names(run.settings.benchmarks)
    identity = model_identity(language_model, generates=any_generates(benchmarks))
    identities = {**identify_given([run], language_model), run.model: identity}
    check_name(directory, run.name(identities), "leaderboard")
    shutil.rmtree(directory, ignore_errors=True)
    facts = describe_model(language_model)
    held_out = held_out_texts(language_model)
    timed = held_out[RETAIN][:TIMED]
    method = None if run.method == ORIGINAL else find_method(run.method, run.settings)
    changes_weights = method is not None and method.change == "weights"
    limits = Limits(language_model, held_out, run.settings.budget, Original())
    before = limits.known.perplexities = measure_perplexities(limits.constraints())
    if changes_weights:
        limits.measure_original()
    if method is None:
        evaluate_into(directory / PUBLISHED, language_model, benchmarks)
        ratios, cost, slower, equal = dict.fromkeys(before, 1.0), Cost(), 1.0, None
    else:
        original = copy_original(language_model) if changes_weights else {}
        before_method = language_model
        states = limits.known.states
        kept = [*original.values(), *(states.tensors() if states else ())]
        with measure_cost(language_model.device, apart_from=kept) as cost:
            language_model = method.apply(language_model, run.options())
        slower = 1.0 if changes_weights else slowdown(before_method, language_model, timed)
        limits = replace(limits, language_model=language_model)
        ratios = {name: c.perplexity() / before[name] for name, c in limits.constraints().items()}
        evaluate_into(directory / PUBLISHED, language_model, benchmarks)
        equal = None
        if changes_weights:
            budget = limits.budget
            # a projection is complete at 1; beyond, it would reflect
            budget = replace(budget, max_alpha=min(method.max_alpha, budget.max_alpha))
            equal = interpolate_within_budget(replace(limits, budget=budget), original)
            if equal.alpha == 1:
                shutil.copytree(directory / PUBLISHED, directory / EQUAL)
            else:
                evaluate_into(directory / EQUAL, language_model, benchmarks)
    record = RunRecord(
        model=facts,
        method=run.method,
        seed=run.seed,
        ratios=ratios,
        equal=equal,
        seconds=cost.seconds,
        peak_memory=cost.peak_memory,
        slowdown=round(slower, 2),
        environment=environment(str(language_model.device)),
    )
    write_record(record, directory / RECORD)


def read_run(directory: Path) -> FinishedMethodRun:
    """Read a finished run.

    Raises:
        InputError: its record or an evaluation is damaged.
    """
    record = read_record(directory / RECORD, RunRecord)
    costs = [PUBLISHED, EQUAL] if record.equal else [PUBLISHED]
    return FinishedMethodRun(record, {cost: read_evaluation(directory / cost) for cost in costs})


def held_out_texts(language_model: LanguageModel) -> dict[str, Sequences]:
    """Return the token ids of the texts on which utility loss is measured, by kind.

    They are held out from the retain corpus of the methods, and from everyday sentences.
    """
    retain, everyday = held_out_corpora()
    return encode_retain(language_model, list_retain_corpora(retain, everyday))[0]


@cache
def held_out_corpora() -> tuple[Corpus, Corpus | None]:
    """Return the corpora with these texts; the one of everyday sentences may be missing."""
    return retain_corpus(), load_everyday_corpus()
