"""Bias left against utility loss: one mark per method; down and left is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, group_by_domain
from fairforget.corpora.builtin.lexicon import CONTROL
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import UnlearningRecord
from fairforget.report.before_after import before_after
from fairforget.report.contents import UnlearningRun
from fairforget.report.figures import Mark, Scale, Tick, mark_at
from fairforget.report.scores import domain_scores, perplexities
from fairforget.report.tables import Column, IntervalCell, Table
from fairforget.report.wording import (
    NONE,
    base_name,
    format_with_interval,
    join_words,
)
from fairforget.statistics import bootstrap_totals, interval

CONTROL_SELECTIONS = ("random", "all")
"""Selections that do not target the harmful tokens."""
CONTROL_CORPUS = f"builtin:{CONTROL}"
UNBIASED_SCORE = 50.0
OVERLAP = 2.0, 4.0
"""Two marks overlap if they are closer than this, in % of the width and of the height."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A value and its 95 % interval, if it has one."""

    value: float
    ci: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One method."""

    name: str
    bias: Measure
    """Mean over domains of |stereotype score − 50|, in points."""
    perplexity: Measure | None = None
    """Change in %."""
    lms: Measure | None = None
    """Change in points."""
    control: bool = False
    original: bool = False


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """A point at its position in the plot."""

    x: Mark
    y: Mark
    number: str
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class Frontier:
    """A plot of the points against one measure of utility loss."""

    id: str
    caption: str
    summary: str
    """The plot in words, for screen readers."""
    points: list[PlotPoint]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_axis: str
    y_axis: str


def run_points(runs: Sequence[tuple[str, UnlearningRun]]) -> list[Point]:
    """The runs measured before and after; first the original model, if all runs share it."""
    points, originals = [], []
    for name, run in runs:
        if run.before is None or run.after is None:
            continue
        before, after = mean_bias(run.before), mean_bias(run.after)
        if before is None or after is None:
            continue
        originals.append(before)
        selection = run.record.method.get("selection")
        points.append(
            Point(
                name=f"{name}: {_method_label(run.record)}",
                bias=after,
                perplexity=_perplexity_change(run.before, run.after, run.record),
                lms=_lms_change(run.before, run.after),
                control=bool(run.record.method.get("control"))
                or selection in CONTROL_SELECTIONS
                or any(c.name == CONTROL_CORPUS for c in run.record.corpora),
            )
        )
    if originals and all(math.isclose(o.value, originals[0].value) for o in originals):
        points.insert(0, original_point(originals[0]))
    return points


def original_point(bias: Measure) -> Point:
    """The point of the original model."""
    return Point("original", bias, Measure(0.0), Measure(0.0), original=True)


def mean_bias(evaluation: Evaluation) -> Measure | None:
    """Mean over domains of |score − 50|, for StereoSet or else the first bias benchmark.

    Its interval is a bootstrap over the clusters of each domain, if the items were kept.
    """
    results = evaluation.record.results
    for name in sorted(results, key=lambda name: base_name(name) != "stereoset"):
        scores = [s for s in domain_scores(name, results) if s.domain != ALL]
        if not scores:
            continue
        return Measure(mean_distance(s.score for s in scores), _bias_interval(name, evaluation))
    return None


def mean_distance(scores: Iterable[float]) -> float:
    """Mean of |score − 50|."""
    return fmean(abs(score - UNBIASED_SCORE) for score in scores)


def frontiers(points: Sequence[Point]) -> list[Frontier]:
    """One plot for each measure of utility loss that at least two points have."""
    return [
        _frontier(id, name, axis, loss, points)
        for id, name, axis, loss in _UTILITY_LOSSES
        if sum(loss(point) is not None for point in points) >= 2
    ]


def points_table(points: Sequence[Point]) -> Table:
    """The numbers behind the plots."""

    def cell(measure: Measure | None, *, change: bool = True) -> IntervalCell | str:
        return IntervalCell(measure.value, measure.ci, change=change) if measure else NONE

    return Table(
        caption="Bias and utility loss of each method",
        columns=[
            Column("Method"),
            Column("Mean distance from 50", numeric=True, interval=True),
            Column("Perplexity change, %", numeric=True, interval=True),
            Column("LMS change", numeric=True, interval=True),
        ],
        rows=[
            [
                f"{i}. {p.name}" + (" (control)" if p.control else ""),
                cell(p.bias, change=False),
                cell(p.perplexity),
                cell(p.lms),
            ]
            for i, p in enumerate(points)
        ],
        note="The mean distance is never negative, so chance inflates it: compare methods with "
        "each other, not with 0.",
    )


_UTILITY_LOSSES: tuple[tuple[str, str, str, Callable[[Point], Measure | None]], ...] = (
    ("frontier-perplexity", "perplexity", "Change of perplexity, %", lambda p: p.perplexity),
    ("frontier-lms", "LMS", "Change of LMS, points", lambda p: p.lms),
)


def _frontier(
    id: str,
    name: str,
    axis: str,
    loss: Callable[[Point], Measure | None],
    points: Sequence[Point],
) -> Frontier:
    known = [(i, p, x) for i, p in enumerate(points) if (x := loss(p)) is not None]
    x_scale = Scale([0.0, *(v for _, _, x in known for v in (x.value, *(x.ci or ())))])
    y_scale = Scale(
        [0.0, *(v for _, p, _ in known for v in (p.bias.value, *(p.bias.ci or ())))], floor=0.0
    )
    labels = _mark_labels([(i, x_scale.x(x.value), y_scale.x(p.bias.value)) for i, p, x in known])
    plot_points = [
        PlotPoint(
            x=mark_at(x_scale, x.value, x.ci),
            y=mark_at(y_scale, p.bias.value, p.bias.ci),
            number=labels[i],
            kind="original" if p.original else "control" if p.control else "method",
            tip=f"{i}. {p.name}{' (control)' if p.control else ''}: distance from 50 "
            f"{format_with_interval(p.bias.value, p.bias.ci)}, {name} "
            f"{format_with_interval(x.value, x.ci, signed=True)}",
        )
        for i, p, x in known
    ]
    return Frontier(
        id=id,
        caption=f"Bias left against change of {name}",
        summary="; ".join(p.tip for p in plot_points),
        points=plot_points,
        x_ticks=x_scale.ticks(sign=True),
        y_ticks=y_scale.ticks(),
        x_axis=axis,
        y_axis="Mean distance of the stereotype score from 50, points",
    )


def _mark_labels(positions: Sequence[tuple[int, float, float]]) -> dict[int, str]:
    """The number at each mark; of marks that overlap, the first has all numbers."""
    groups: list[tuple[float, float, list[int]]] = []
    for i, x, y in positions:
        for group_x, group_y, members in groups:
            if abs(x - group_x) < OVERLAP[0] and abs(y - group_y) < OVERLAP[1]:
                members.append(i)
                break
        else:
            groups.append((x, y, [i]))
    labels = dict.fromkeys((i for i, _, _ in positions), "")
    return labels | {members[0]: ", ".join(map(str, members)) for _, _, members in groups}


def _bias_interval(name: str, evaluation: Evaluation) -> tuple[float, float] | None:
    rows = [row for row in evaluation.items if row.get("benchmark") == name]
    judge = find_judge(name)
    if judge is None or not rows:
        return None
    try:
        domains = [judge(part) for domain, part in group_by_domain(rows).items() if domain != ALL]
    except (KeyError, TypeError) as error:
        raise InputError(f"{name}: an item has no valid field {error}; evaluate again") from error
    seed = evaluation.record.seed
    draws: list[Any] = []
    for i, domain in enumerate(domains):
        scores = domain.statistic(bootstrap_totals(domain.sums, seed=seed + i))
        draws.append(np.abs(next(iter(scores.values())) - UNBIASED_SCORE))
    return interval(np.mean(draws, axis=0))


def _lms_change(before: Evaluation, after: Evaluation) -> Measure | None:
    total = before_after(before, after).language()
    return Measure(total.lms.delta, total.lms.ci) if total and total.lms else None


def _perplexity_change(
    before: Evaluation, after: Evaluation, record: UnlearningRecord
) -> Measure | None:
    old, new = perplexities(before.record.results), perplexities(after.record.results)
    if old and new and old[0].corpus == new[0].corpus:
        return Measure(100 * (new[0].value / old[0].value - 1))
    return Measure(100 * (record.budget.reached - 1))


def _method_label(record: UnlearningRecord) -> str:
    """Objective, selection and forget corpora."""
    parts = [record.method.get("objective"), record.method.get("selection")]
    parts.append(join_words([c.name for c in record.corpora if c.role == "forget"]))
    return ", ".join(str(part) for part in parts if part)
