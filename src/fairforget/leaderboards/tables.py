"""The tables and the picture of a leaderboard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import CONTRIBUTION, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.score_change import Score
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect, Row
from fairforget.report.frontier import (
    LMS,
    Axis,
    Frontier,
    Point,
    make_frontier,
)
from fairforget.report.tables import Column, Content, IntervalCell, Table, drop_empty_columns
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    domain_name,
    format_number,
    format_p_number,
)

_CONTRIBUTION = Axis(
    "contribution",
    "contribution of the group",
    "Contribution of the group to the stereotype, nats per token (0: none)",
    lambda point: point.contribution,
    digits=measure_of(CONTRIBUTION).digits,
    floor=-math.inf,
    narrowest=0.05,
)
COSTS = {EQUAL: "at equal cost", PUBLISHED: "as published"}
"""Cost → its words; the cost at which methods are best compared comes first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A score with a column of its own in the main table."""

    benchmark: str
    measure: str
    title: str
    """Title of the column; names the benchmark where that of the score would be ambiguous."""
    digits: int
    """Decimals in this table: two for nats, to keep it narrow, except three for the contribution,
    which is small."""
    is_change: bool = False


SHOWN = (
    Shown("stereoset", "contribution", "Contribution of the group", 3),
    Shown("stereoset", "ss", "Stereotype score", 1),
    Shown("stereoset", "lms", "LMS, change", 1, is_change=True),
    Shown("crows_pairs", "conditional", "CrowS-Pairs, conditional", 2),
    Shown("winobias", "gap", "WinoBias, gap", 2),
    Shown("harmful_words", "log_prob", "Harmful words, change", 2, is_change=True),
    Shown("group_facts", "fact_log_prob", "Facts, change", 2, is_change=True),
)

PAPER = "Paper"
"""Title of the column that the terminal has no room for."""


@dataclass(frozen=True, slots=True)
class Part:
    """The results at one cost on one model."""

    title: str
    plot: Frontier | None
    table: Table


def make_parts(record: LeaderboardRecord) -> list[Part]:
    """Return the results on each model: at equal cost first, then as published."""
    several = len(record.models) > 1
    parts = []
    for number, model in enumerate(record.models):
        for cost, words in COSTS.items():
            rows = [row for row in record.rows if row.model == model]
            if not any(row.cost == cost and row.method != ORIGINAL for row in rows):
                continue
            title = words[:1].upper() + words[1:] + (f", {model}" if several else "")
            points = list(_points(record, model, cost))
            plot = make_frontier(_CONTRIBUTION, LMS, points) if len(points) > 1 else None
            plot = plot and replace(plot, id=f"{plot.id}-{number}-{cost}")
            parts.append(Part(title, plot, scores_table(record, model, cost)))
    return parts


def scores_table(record: LeaderboardRecord, model: str, cost: str) -> Table:
    """Return one row for each method on one model at one cost, and one for the original."""
    effects = overall_effects(record, model)
    rows: list[list[Content]] = []
    for method, method_cost in _methods(record, model, cost):
        row: list[Content] = [method]
        for shown in SHOWN:
            effect = effects.get((method, method_cost, shown.benchmark, shown.measure))
            known = effect or next(
                (e for k, e in effects.items() if k[2:] == (shown.benchmark, shown.measure)), None
            )
            if method == ORIGINAL:
                score = known and (Score(0.0) if shown.is_change else known.before)
            else:
                score = effect and (effect.change if shown.is_change else effect.after)
            row.append(
                IntervalCell(score.value, score.ci, change=shown.is_change, digits=shown.digits)
                if score
                else NONE
            )
        rows.append([*row, _perplexity(record, model, method, method_cost)])
    table = Table(
        caption=f"All domains, {COSTS[cost]}",
        columns=[
            Column("Method"),
            *(Column(shown.title, numeric=True, interval=True) for shown in SHOWN),
            Column("Perplexity, %", numeric=True, interval=True),
        ],
        rows=rows,
        note="Means over seeds. No bias: 0, and 50 for the stereotype score. Perplexity: the "
        "larger change of the two kinds of held-out text. Methods that change only inference "
        "(prompt, self-debias) have a single strength, which both tables show.",
        sortable=True,
    )
    return drop_empty_columns(table, keep=1)


def costs_table(record: LeaderboardRecord, model: str) -> Table:
    """Return what each method costs to apply and to use."""
    rows: list[list[Content]] = []
    for method in dict.fromkeys(row.method for row in record.rows if row.model == model):
        if method == ORIGINAL:
            continue
        runs = _runs(record, model, method, PUBLISHED)
        equal = _runs(record, model, method, EQUAL)
        memory = [run.peak_memory / 2**30 for run in runs if run.peak_memory]
        rows.append(
            [
                method,
                format_number(fmean(run.seconds for run in runs), 0),
                format_number(max(memory), 1) if memory else NONE,
                format_number(fmean(run.slowdown for run in runs), 1),
                ", ".join(format_number(run.alpha, 2) for run in equal) or NONE,
                ", ".join(format_number(run.movement, 3) for run in equal) or NONE,
                str(len(runs)),
                record.methods[method].paper,
            ]
        )
    return Table(
        caption="What each method costs",
        columns=[
            Column("Method"),
            Column("Time to apply, s", numeric=True),
            Column("Peak memory, GiB", numeric=True),
            Column("Time to score a text, ×", numeric=True),
            Column("α at equal cost", numeric=True),
            Column("Movement at equal cost, nats", numeric=True),
            Column("Seeds", numeric=True),
            Column(PAPER),
        ],
        rows=rows,
        note="α is the share of the weight update that equal cost allows, for each seed; above 1, "
        "the update is extrapolated. Movement: mean KL divergence from the original model per "
        "token, on the kind of held-out text where it is larger. Peak memory includes the model: "
        "GPU memory on a GPU, otherwise that of the process. Times to score a text are relative to "
        "the original model.",
        sortable=True,
    )


def domains_table(record: LeaderboardRecord, model: str, benchmark: str, measure: str) -> Table:
    """Return the effect of each method on one bias score, by domain, with verdicts."""
    effects = [
        e
        for e in record.effects
        if (e.model, e.benchmark, e.measure) == (model, benchmark, measure)
    ]
    digits = measure_of(measure).digits
    return Table(
        caption=f"{benchmark_name(benchmark)}: {measure_of(measure).in_words}, by domain",
        columns=[
            Column("Method"),
            Column("Cost"),
            Column("Domain"),
            Column("Before", numeric=True, interval=True),
            Column("After", numeric=True, interval=True),
            Column("Change in bias", numeric=True, interval=True),
            Column("p (Holm)", numeric=True),
            Column("Verdict"),
        ],
        rows=[
            [
                e.method,
                e.cost,
                domain_name(e.domain),
                IntervalCell(e.before.value, e.before.ci, digits=digits),
                IntervalCell(e.after.value, e.after.ci, digits=digits),
                IntervalCell(e.distance.value, e.distance.ci, change=True, digits=digits),
                format_p_number(e.p_adjusted),
                e.verdict or NONE,
            ]
            for e in effects
            if e.distance
        ],
        note="Change in bias: change of the distance from the value without bias. p-values are "
        "Holm-corrected at each cost: for all domains together over the methods, for single "
        "domains over methods and domains.",
        sortable=True,
    )


def bias_scores(record: LeaderboardRecord) -> list[tuple[str, str]]:
    """Return the bias scores that have a verdict, each with its benchmark, in order."""
    return list(dict.fromkeys((e.benchmark, e.measure) for e in record.effects if e.distance))


def _points(record: LeaderboardRecord, model: str, cost: str) -> Iterator[Point]:
    effects = overall_effects(record, model)
    for method, method_cost in _methods(record, model, cost):
        key = (method, method_cost, "stereoset")
        contribution, lms = (effects.get((*key, name)) for name in ("contribution", "lms"))
        if method == ORIGINAL:
            known = next((e for k, e in effects.items() if k[3] == "contribution"), None)
            if known:
                bias = known.before
                yield Point(method, bias, None, Score(0.0), bias, original=True, label=method)
        elif contribution and lms:
            remaining, control = contribution.after, record.methods[method].is_control
            yield Point(
                method, remaining, None, lms.change, remaining, control=control, label=method
            )


def _methods(record: LeaderboardRecord, model: str, cost: str) -> Iterator[tuple[str, str]]:
    """Yield each method with its cost in a table; methods with a single strength keep that."""
    for method in dict.fromkeys(row.method for row in record.rows if row.model == model):
        costs = {r.cost for r in record.rows if (r.model, r.method) == (model, method)}
        yield method, cost if cost in costs else PUBLISHED


def overall_effects(
    record: LeaderboardRecord, model: str
) -> dict[tuple[str, str, str, str], MethodEffect]:
    """Return (method, cost, benchmark, measure) → the effect over all domains.

    Benchmarks are known by their base name; of several with the same base name, the first counts.
    """
    effects: dict[tuple[str, str, str, str], MethodEffect] = {}
    for e in record.effects:
        if e.model == model and e.domain == ALL:
            effects.setdefault((e.method, e.cost, base_name(e.benchmark), e.measure), e)
    return effects


def _runs(record: LeaderboardRecord, model: str, method: str, cost: str) -> Sequence[Row]:
    key = (model, method, cost)
    return [row for row in record.rows if (row.model, row.method, row.cost) == key]


def _perplexity(record: LeaderboardRecord, model: str, method: str, cost: str) -> Content:
    ratios = [max(row.ratios.values()) for row in _runs(record, model, method, cost)]
    return IntervalCell(100 * (fmean(ratios) - 1), change=True)
