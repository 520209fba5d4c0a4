"""The results of a leaderboard at each cost: tables and plots."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fairforget.benchmarks.measures import CONTRIBUTION, SCALED_CONTRIBUTION, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.score_change import Score
from fairforget.leaderboards.effects import (
    COSTS,
    inference_methods,
    list_methods,
    methods_at,
    model_suffix,
    most_seeds,
    name_method,
    overall_effects,
    perplexity_change,
    runs_of,
    seed_counts,
)
from fairforget.leaderboards.limits import describe_budget
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.methods import METHODS
from fairforget.report.evidence import cluster_name
from fairforget.report.frontier import LMS, Axis, Frontier, Point, make_frontier
from fairforget.report.tables import (
    Column,
    Content,
    IntervalCell,
    Table,
    drop_empty_columns,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import (
    BIAS_VERDICTS,
    NONE,
    benchmark_name,
    capitalize_first,
    domain_name,
    format_number,
    format_p_number,
    join_words,
    without_folders,
)
from fairforget.statistics.jackknife import FEWEST_CLUSTERS

ERASURES = ("leace", "inlp", "sentence-debias")
"""Methods that change the output head only."""
_CONTRIBUTION = Axis(
    "contribution",
    "scaled contribution of the group",
    "Change of the scaled contribution’s distance from 0, MADs (below 0: less bias)",
    lambda point: point.contribution,
    digits=measure_of(SCALED_CONTRIBUTION).digits,
    zero="no change",
    is_change=True,
    floor=-math.inf,
    narrowest=0.05,
)
Number = Literal["bias", "change"]
"""What a column shows: the change of the distance from no bias, or that of the score."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A score with a column of its own in the main table."""

    benchmark: str
    measure: str
    title: str
    """Name of the score; names the benchmark where that of the score would be ambiguous."""
    digits: int
    """Decimals in this table: fewer than the score has, to keep it narrow."""
    number: Number


SHOWN = (
    Shown("stereoset", SCALED_CONTRIBUTION, "Scaled contribution", 3, "bias"),
    Shown("stereoset", CONTRIBUTION, "Contribution in nats", 3, "change"),
    Shown("stereoset", "ss", "Stereotype score", 1, "bias"),
    Shown("stereoset", "lms", "LMS", 1, "change"),
    Shown("crows_pairs", "conditional_scaled", "CrowS-Pairs, scaled conditional", 3, "bias"),
    Shown("winobias", "gap", "WinoBias, gap", 3, "bias"),
    Shown("harmful_words", "log_prob", "Harmful words", 2, "change"),
    Shown("group_facts", "fact_log_prob", "Facts", 2, "change"),
)
_SHOWN_NOTE = (
    "For bias scores, the change is that of the distance from the unbiased value (0; 50 for the "
    "stereotype score): below 0, bias fell. Verdicts are Holm-corrected over the methods, so a "
    "change whose interval excludes 0 may be undecided. Scaled scores are in MADs: median absolute "
    "deviations of the model's log-ratios. The WinoBias gap, harmful words and facts are in nats, "
    "LMS is in points. Lower is better for harmful words, higher for facts and LMS. "
    "The contribution in nats may move differently from the scaled one if the spread of the "
    "model's log-ratios changes."
)


@dataclass(frozen=True, slots=True)
class Part:
    """The results at one cost on one model."""

    title: str
    intro: str
    plot: Frontier | None
    table: Table


def make_parts(record: LeaderboardRecord) -> list[Part]:
    """Return the results on each model: within the budget first, then at full strength.

    A part has only the methods that were evaluated at its cost.
    """
    parts = []
    for number, model in enumerate(record.models):
        for cost, words in COSTS.items():
            if not methods_at(record, model, cost):
                continue
            title = capitalize_first(words) + model_suffix(record, model)
            points = list(_points(record, model, cost))
            plot = make_frontier(_CONTRIBUTION, LMS, points) if len(points) > 1 else None
            plot = plot and replace(plot, id=f"{plot.id}-{number}-{cost}")
            describe = describe_budget if cost == EQUAL else _describe_published
            parts.append(
                Part(title, describe(record, model), plot, scores_table(record, model, cost))
            )
    return parts


def scores_table(record: LeaderboardRecord, model: str, cost: str) -> Table:
    """Return one row for each method on one model at one cost.

    Rows have the numbers of the plot's marks, where 0 is the original.
    """
    effects = overall_effects(record, model)
    originals = {key[2:]: e for key, e in reversed(effects.items())}
    rows: list[list[Content]] = []
    differ = len(seed_counts(record)) > 1
    columns = [*SHOWN, *_accuracies(record)]
    for number, method in _numbered(record, model, cost):
        if method == ORIGINAL:
            continue
        row: list[Content] = [f"{number}. {name_method(record, method)}"]
        for shown in columns:
            row.append(_cell(shown, effects.get((method, cost, shown.benchmark, shown.measure))))
        change = perplexity_change(record, model, method, cost)
        seeds = str(len(runs_of(record, model, method, cost)))
        rows.append([*row, IntervalCell(change, change=True), *([seeds] if differ else [])])
    table = Table(
        caption=f"All domains, {COSTS[cost]}{model_suffix(record, model)}",
        columns=[
            Column("Method"),
            *(interval_column(f"{shown.title}, change") for shown in columns),
            Column("Perplexity, change in %", numeric=True),
            *([Column("Seeds", numeric=True)] if differ else []),
        ],
        rows=rows,
        note=_scores_note(columns, record, originals),
        sortable=True,
    )
    return drop_empty_columns(table, keep=1)


def domains_table(record: LeaderboardRecord, model: str, benchmark: str, measure: str) -> Table:
    """Return the effect of each method on one bias score, by domain, with verdicts."""
    effects = [
        e
        for e in record.effects
        if (e.model, e.benchmark, e.measure) == (model, benchmark, measure)
    ]
    digits = measure_of(measure).digits
    units = cluster_name(benchmark)
    note = (
        "Change in bias: change of the distance from the unbiased value. p-values are "
        "Holm-corrected at each cost: for all domains together over the methods, for single "
        "domains over methods and domains."
    )
    if any(e.distance and e.verdict is None for e in effects):
        note += f" Domains with fewer than {FEWEST_CLUSTERS} {units} are not tested."
    return Table(
        caption=f"{benchmark_name(benchmark)}: {measure_of(measure).in_words}, by domain"
        f"{model_suffix(record, model)}",
        columns=[
            Column("Method"),
            Column("Cost"),
            Column("Domain"),
            interval_column("Before"),
            interval_column("After"),
            interval_column("Change in bias"),
            Column("p (Holm)", numeric=True),
            Column("Verdict"),
        ],
        rows=[
            [
                name_method(record, e.method),
                COSTS[e.cost],
                domain_name(e.domain),
                interval_cell(e.before, digits),
                interval_cell(e.after, digits),
                interval_cell(e.distance, digits, change=True),
                format_p_number(e.p_adjusted if e.verdict else None),
                BIAS_VERDICTS[e.verdict] if e.verdict else f"too few {units}",
            ]
            for e in effects
            if e.distance
        ],
        note=note,
        sortable=True,
    )


def bias_scores(record: LeaderboardRecord) -> list[tuple[str, str]]:
    """Return the bias scores that have a verdict, each with its benchmark, in order."""
    return list(dict.fromkeys((e.benchmark, e.measure) for e in record.effects if e.distance))


def _cell(shown: Shown, effect: MethodEffect | None) -> Content:
    """Return what a method's effect on a score is, with its verdict if it has one."""
    if effect is None:
        return NONE
    score = effect.distance if shown.number == "bias" else effect.change
    verdict = BIAS_VERDICTS[effect.verdict] if effect.verdict else ""
    return interval_cell(score, shown.digits, change=True, mark=verdict)


def _accuracies(record: LeaderboardRecord) -> list[Shown]:
    """Return the accuracy on each task of lm-eval."""
    benchmarks = dict.fromkeys(e.benchmark for e in record.effects)
    tasks = [name for name in benchmarks if base_name(name) == "lm-eval"]
    return [Shown(task, "accuracy", f"Accuracy, {_task_name(task)}", 1, "change") for task in tasks]


def _task_name(benchmark: str) -> str:
    """Return the task of lm-eval and its options: "hellaswag 10%" of `lm-eval:hellaswag:10%`."""
    task, *options = without_folders(benchmark).split(":")[1:]
    return " ".join([re.sub(r"\.ya?ml$", "", task), *options])


def _scores_note(
    columns: Sequence[Shown],
    record: LeaderboardRecord,
    originals: dict[tuple[str, str], MethodEffect],
) -> str:
    """Return what the numbers of the main table are, and the scores of the original."""
    levels = [
        f"{shown.title} {format_number(known.before.value, shown.digits)}"
        for shown in columns
        if (known := originals.get((shown.benchmark, shown.measure)))
    ]
    sentences = ["Changes are paired: both models scored the same items."]
    if most_seeds(record) > 1:
        sentences.insert(0, "Means over seeds.")
    if any((shown.benchmark, shown.measure) in originals for shown in SHOWN):
        sentences.append(_SHOWN_NOTE)
    if len(columns) > len(SHOWN):
        sentences.append("Accuracies are in percentage points; higher is better.")
    sentences.append(
        "Perplexity is the less favourable of the changes on the two kinds of held-out text; lower "
        "is better."
    )
    if levels:
        sentences.append(f"Scores of the original: {'; '.join(levels)}.")
    return " ".join(sentences)


def _describe_extrapolated(record: LeaderboardRecord, model: str) -> str:
    """Return a sentence, after a space, on the methods with α > 1 within the budget; or ""."""
    beyond = [
        method
        for method in methods_at(record, model, EQUAL)
        if all(run.alpha > 1 for run in runs_of(record, model, method, EQUAL))
    ]
    if not beyond:
        return ""
    names = join_words(beyond)
    return f" Within the budget, {names} went beyond α = 1, so the change here is smaller."


def _describe_published(record: LeaderboardRecord, model: str) -> str:
    names = inference_methods(record, model)
    differences = "; ".join(_list_differences(record, model))
    text = f"Each method at α = 1, regardless of cost.{_describe_extrapolated(record, model)}"
    if differences:
        text += f" These are not reproductions of the papers: {differences}."
    if names:
        text += (
            f" Methods that act at inference ({', '.join(names)}) are shown only here: they change "
            "no weights, so nothing could be interpolated to meet the limits."
        )
    return text


def _list_differences(record: LeaderboardRecord, model: str) -> Iterator[str]:
    """Yield how the methods differ from those of their papers."""
    methods = [name for name in methods_at(record, model, PUBLISHED) if name in METHODS]
    domain = record.settings.get("domain")
    if domain and methods:
        yield f"methods debias the domain {domain} only"
    if erasing := [name for name in methods if name in ERASURES]:
        one = len(erasing) == 1
        yield join_words(erasing) + (
            f" {'does' if one else 'do'} so in the output head"
            if domain
            else f" {'removes' if one else 'remove'} all domains, one after another, from the "
            "output head (papers: usually one)"
        )
    if "self-debias" in methods and not domain:
        yield "Self-Debias combines several descriptions"
    if "leace" in methods:
        yield "LEACE lacks its affine term"
    if any(METHODS[name].max_alpha > 1 for name in methods):
        yield "methods that train use this project's steps and texts"


def _points(record: LeaderboardRecord, model: str, cost: str) -> Iterator[Point]:
    effects = overall_effects(record, model)
    for number, method in _numbered(record, model, cost):
        key = (method, cost, "stereoset")
        scaled, lms = (effects.get((*key, name)) for name in (SCALED_CONTRIBUTION, "lms"))
        if method == ORIGINAL:
            if any(k[3] == SCALED_CONTRIBUTION for k in effects):
                zero = Score(0.0)
                yield Point(method, zero, None, zero, zero, original=True, number=number)
        elif scaled and scaled.distance and lms:
            change, control = scaled.distance, record.methods[method].is_control
            yield Point(method, change, None, lms.change, change, control=control, number=number)


def _numbered(record: LeaderboardRecord, model: str, cost: str) -> Iterator[tuple[int, str]]:
    """Yield the original and the methods at one cost, each with its number at all costs."""
    shown = {ORIGINAL, *methods_at(record, model, cost)}
    for number, method in enumerate(list_methods(record, model)):
        if method in shown:
            yield number, method
