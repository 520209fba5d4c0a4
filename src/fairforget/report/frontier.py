"""Bias against damage: one mark per method, where down and left is better, controls hollow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, group_by_domain
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import UnlearningRecord
from fairforget.report.contents import Unlearning
from fairforget.report.figures import Mark, Scale, Tick, mark_at
from fairforget.report.row_names import row_label, shared_corpus
from fairforget.report.scores import domain_scores, perplexities
from fairforget.report.tables import Column, IntervalCell, Table
from fairforget.report.wording import (
    NONE,
    base_name,
    format_interval,
    format_number,
    format_signed,
    join_words,
)
from fairforget.statistics import bootstrap_totals, interval
from fairforget.transfer_study.plan import CONTROL_CORPUS
from fairforget.transfer_study.record import StudyRecord, too_few

CONTROLS = ("random", "all")
"""Selections that aim at no harmful words: what they reach is not owed to the method."""
NO_BIAS = 50.0
NEAR = 2.0, 4.0
"""% of width and height within which two marks cover each other."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number and its 95 % interval, if it has one."""

    value: float
    ci: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One method."""

    name: str
    bias: Measure
    """Mean distance of the stereotype score from 50 over domains, points."""
    perplexity: Measure | None = None
    """Change, %."""
    lms: Measure | None = None
    """Change, points."""
    control: bool = False
    original: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A point where it is drawn."""

    x: Mark
    y: Mark
    number: str
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class Frontier:
    """The points against one measure of damage."""

    id: str
    caption: str
    summary: str
    """For those who cannot see it."""
    points: list[Placed]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_axis: str
    y_axis: str


def run_points(runs: Sequence[tuple[str, Unlearning]]) -> list[Point]:
    """The runs that were measured before and after, and the original where they share it."""
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
                name=f"{name}: {_method(run.record)}",
                bias=after,
                perplexity=_perplexity_change(run.before, run.after, run.record),
                lms=_lms_change(run.before, run.after),
                control=bool(run.record.method.get("control"))
                or selection in CONTROLS
                or any(c.name == CONTROL_CORPUS for c in run.record.corpora),
            )
        )
    if originals and all(math.isclose(o.value, originals[0].value) for o in originals):
        unchanged = Measure(0.0)
        points.insert(0, Point("original", originals[0], unchanged, unchanged, original=True))
    return points


def study_points(study: StudyRecord) -> list[Point]:
    """The rows of a transfer study on its first StereoSet, mean over seeds and domains."""
    points, originals = [], []
    corpus = shared_corpus(study.rows)
    named = [row.benchmark for row in study.rows if base_name(row.benchmark) == "stereoset"]
    for row in study.rows:
        single = [c for c in study.matrix if c.key == row.key and c.domain != ALL]
        mine = [c for c in single if not too_few(c.clusters)] or single
        if row.benchmark not in named[:1] or not mine:
            continue
        originals.append(sum(abs(c.before - NO_BIAS) for c in mine) / len(mine))
        lms = row.lms_after - row.lms_before if row.lms_before and row.lms_after else None
        points.append(
            Point(
                name=row_label(row, corpus),
                bias=Measure(sum(abs(c.after - NO_BIAS) for c in mine) / len(mine)),
                perplexity=Measure(100 * (row.perplexity_ratio - 1)),
                lms=Measure(lms) if lms is not None else None,
                control=row.control is not None,
            )
        )
    if points:
        unchanged = Measure(0.0)
        original = Measure(originals[0])
        points.insert(0, Point("original", original, unchanged, unchanged, original=True))
    return points


def mean_bias(evaluation: Evaluation) -> Measure | None:
    """Mean over domains of |score − 50|, of the first benchmark that has such scores.

    The interval, where items were kept, resamples the clusters of each domain.
    """
    results = evaluation.record.results
    for name in sorted(results, key=lambda name: base_name(name) != "stereoset"):
        scores = [s for s in domain_scores(name, results) if s.domain != ALL]
        if not scores:
            continue
        value = sum(abs(s.score - NO_BIAS) for s in scores) / len(scores)
        return Measure(value, _bias_interval(name, evaluation))
    return None


def frontiers(points: Sequence[Point]) -> list[Frontier]:
    """One plot per measure of damage that at least two points have."""
    found = []
    for id, words, axis, damage in _DAMAGES:
        if sum(damage(p) is not None for p in points) >= 2:
            found.append(_frontier(id, words, axis, damage, points))
    return found


def points_table(points: Sequence[Point]) -> Table:
    """The numbers behind the plots."""

    def ranged(measure: Measure | None, *, change: bool = True) -> IntervalCell | str:
        return IntervalCell(measure.value, measure.ci, change=change) if measure else NONE

    return Table(
        caption="Bias and damage of each method",
        columns=[
            Column("Method"),
            Column("Mean distance from 50", numeric=True, interval=True),
            Column("Perplexity change, %", numeric=True, interval=True),
            Column("LMS change", numeric=True, interval=True),
        ],
        rows=[
            [
                f"{i}. {p.name}" + (" (control)" if p.control else ""),
                ranged(p.bias, change=False),
                ranged(p.perplexity),
                ranged(p.lms),
            ]
            for i, p in enumerate(points)
        ],
        note="The mean distance is never negative, so chance alone makes it larger than it is: "
        "compare methods with each other, not with 0.",
    )


_DAMAGES: tuple[tuple[str, str, str, Callable[[Point], Measure | None]], ...] = (
    ("frontier-perplexity", "perplexity", "Change of perplexity, %", lambda p: p.perplexity),
    ("frontier-lms", "LMS", "Change of LMS, points", lambda p: p.lms),
)


def _frontier(
    id: str,
    words: str,
    axis: str,
    damage: Callable[[Point], Measure | None],
    points: Sequence[Point],
) -> Frontier:
    known = [(i, p, x) for i, p in enumerate(points) if (x := damage(p)) is not None]
    across = Scale([0.0, *(v for _, _, x in known for v in (x.value, *(x.ci or ())))])
    up = Scale(
        [0.0, *(v for _, p, _ in known for v in (p.bias.value, *(p.bias.ci or ())))], floor=0.0
    )
    numbers = _shared_numbers([(i, across.x(x.value), up.x(p.bias.value)) for i, p, x in known])
    placed = [
        Placed(
            x=mark_at(across, x.value, x.ci),
            y=mark_at(up, p.bias.value, p.bias.ci),
            number=numbers[i],
            kind="original" if p.original else "control" if p.control else "method",
            tip=f"{i}. {p.name}{' (control)' if p.control else ''}: {format_number(p.bias.value)} from 50"
            + (f" ({format_interval(p.bias.ci)})" if p.bias.ci else "")
            + f", {words} {format_signed(x.value)}"
            + (f" ({format_interval(x.ci)})" if x.ci else ""),
        )
        for i, p, x in known
    ]
    return Frontier(
        id=id,
        caption=f"Bias left, against the change of {words}",
        summary="; ".join(p.tip for p in placed),
        points=placed,
        x_ticks=across.ticks(sign=True),
        y_ticks=up.ticks(),
        x_axis=axis,
        y_axis="Mean distance of the stereotype score from 50, points",
    )


def _shared_numbers(places: Sequence[tuple[int, float, float]]) -> dict[int, str]:
    """What stands at each mark: where marks cover each other, the first has all their numbers."""
    heads: list[tuple[float, float, list[int]]] = []
    for i, x, y in places:
        for head_x, head_y, members in heads:
            if abs(x - head_x) < NEAR[0] and abs(y - head_y) < NEAR[1]:
                members.append(i)
                break
        else:
            heads.append((x, y, [i]))
    texts = dict.fromkeys((i for i, _, _ in places), "")
    return texts | {members[0]: ", ".join(map(str, members)) for _, _, members in heads}


def _bias_interval(name: str, evaluation: Evaluation) -> tuple[float, float] | None:
    rows = [row for row in evaluation.items if row.get("benchmark") == name]
    judge = find_judge(name)
    if judge is None or not rows:
        return None
    try:
        judged = [judge(mine) for domain, mine in group_by_domain(rows).items() if domain != ALL]
    except (KeyError, TypeError) as error:
        raise InputError(f"{name} items lack a field or a number: {error}") from error
    seed = evaluation.record.seed
    draws: list[Any] = []
    for i, found in enumerate(judged):
        scores = found.statistic(bootstrap_totals(found.sums, seed=seed + i))
        draws.append(np.abs(next(iter(scores.values())) - NO_BIAS))
    return interval(np.mean(draws, axis=0))


def _lms_change(before: Evaluation, after: Evaluation) -> Measure | None:
    from fairforget.report.before_after import before_after

    whole = before_after(before, after).language()
    return Measure(whole.lms.delta, whole.lms.ci) if whole and whole.lms else None


def _perplexity_change(
    before: Evaluation, after: Evaluation, record: UnlearningRecord
) -> Measure | None:
    old, new = perplexities(before.record.results), perplexities(after.record.results)
    if old and new and old[0].corpus == new[0].corpus:
        return Measure(100 * (new[0].value / old[0].value - 1))
    return Measure(100 * (record.budget.reached - 1))


def _method(record: UnlearningRecord) -> str:
    words = [
        str(record.method[name]) for name in ("objective", "selection") if record.method.get(name)
    ]
    forgotten = join_words([c.name for c in record.corpora if c.role == "forget"])
    return ", ".join([*words, forgotten] if forgotten else words)
