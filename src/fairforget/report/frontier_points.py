"""The points of a frontier plot: remaining bias and utility loss of each unlearning run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, estimate_scores, group_by_domain
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.score_change import Score
from fairforget.corpora.reading import CONTROL_CORPUS
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import UnlearningRecord
from fairforget.report.before_after import before_after
from fairforget.report.contents import UnlearningRun
from fairforget.report.frontier import Point
from fairforget.report.scores import domain_scores, perplexities
from fairforget.report.wording import join_words
from fairforget.statistics.estimate import Estimate, weighted_mean

CONTROL_SELECTIONS = ("random", "all")
"""Selections that do not target the harmful tokens."""


def run_points(runs: Sequence[tuple[str, UnlearningRun]]) -> list[Point]:
    """The runs measured before and after; first the original model, if all runs share it."""
    points: list[Point] = []
    originals: list[Point] = []
    for name, run in runs:
        if run.before is None or run.after is None:
            continue
        before, after = mean_bias(run.before), mean_bias(run.after)
        if before is None or after is None:
            continue
        first = mean_bias(run.before, SCALED_CONTRIBUTION)
        originals.append(original_point(before, first))
        selection = run.record.method.get("selection")
        points.append(
            Point(
                name=f"{name}: {_method_label(run.record)}",
                bias=after,
                perplexity=_perplexity_change(run.before, run.after, run.record),
                lms=_lms_change(run.before, run.after),
                contribution=mean_bias(run.after, SCALED_CONTRIBUTION),
                control=bool(run.record.method.get("control"))
                or selection in CONTROL_SELECTIONS
                or any(c.name == CONTROL_CORPUS for c in run.record.corpora),
            )
        )
    if originals and all(math.isclose(o.bias.value, originals[0].bias.value) for o in originals):
        points.insert(0, originals[0])
    return points


def original_point(bias: Score, contribution: Score | None = None) -> Point:
    """The point of the original model."""
    return Point("original", bias, Score(0.0), Score(0.0), contribution, original=True)


def mean_bias(evaluation: Evaluation, measure: str | None = None) -> Score | None:
    """Mean distance from no bias over domains, for StereoSet or else the first bias benchmark.

    Its interval is over the clusters of each domain, if the items were kept.

    Args:
        evaluation: of one model.
        measure: a further bias score; None for the benchmark's stereotype score. Domains without
            it do not count.
    """
    results = evaluation.record.results
    for name in sorted(results, key=lambda name: base_name(name) != "stereoset"):
        scores = [s for s in domain_scores(name, results) if s.domain != ALL]
        if measure:
            values = [s.further[measure].value for s in scores if measure in s.further]
        else:
            values = [s.score for s in scores]
        if values:
            return Score(
                mean_distance(values, measure or "ss"), _bias_interval(name, evaluation, measure)
            )
    return None


def mean_distance(scores: Iterable[float], measure: str) -> float:
    """Mean distance of a bias score from that of a model without bias."""
    return fmean(abs(score - measure_of(measure).ideal) for score in scores)


def _bias_interval(
    name: str, evaluation: Evaluation, measure: str | None
) -> tuple[float, float] | None:
    rows = [row for row in evaluation.items if row.get("benchmark") == name]
    judge = find_judge(name)
    if judge is None or not rows:
        return None
    try:
        domains = {
            domain: judge(part) for domain, part in group_by_domain(rows).items() if domain != ALL
        }
    except (KeyError, TypeError) as error:
        raise InputError(f"{name}: an item has no valid field {error}; evaluate again") from error
    distances: list[Estimate] = []
    for domain, judgement in domains.items():
        scores = estimate_scores(judgement, domain)
        shown = measure or next(iter(scores))
        if shown in scores and not math.isnan(scores[shown].value):
            score = scores[shown]
            distances.append(replace(score, value=score.value - judgement.unbiased_scores[shown]))
    if not distances:
        return None
    weights = [math.copysign(1 / len(distances), distance.value) for distance in distances]
    low, high = weighted_mean(distances, weights).ci
    return (max(0.0, low), high) if math.isfinite(high - low) else None


def _lms_change(before: Evaluation, after: Evaluation) -> Score | None:
    total = before_after(before, after).language()
    return Score(total.lms.delta, total.lms.ci) if total and total.lms else None


def _perplexity_change(
    before: Evaluation, after: Evaluation, record: UnlearningRecord
) -> Score | None:
    """Of the first perplexity that both evaluations have, or else of the held-out texts."""
    old, new = (
        {p.benchmark: p.value for p in perplexities(side.record.results)}
        for side in (before, after)
    )
    for name in old:
        if name in new:
            return Score(100 * (new[name] / old[name] - 1))
    return Score(100 * (record.budget.reached - 1))


def _method_label(record: UnlearningRecord) -> str:
    """Objective, selection and forget corpora."""
    parts = [record.method.get("objective"), record.method.get("selection")]
    parts.append(join_words([corpus.name for corpus in record.forget]))
    return ", ".join(str(part) for part in parts if part)
