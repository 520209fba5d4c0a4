"""The points of a frontier plot: remaining bias and utility loss of each unlearning run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, estimate_scores, group_by_domain
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.comparison.compare import check_settings
from fairforget.comparison.score_change import Score
from fairforget.corpora.reading import CONTROL_CORPUS
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import UnlearningRecord
from fairforget.report.before_after import before_after
from fairforget.report.contents import UnlearningRun
from fairforget.report.frontier import Point
from fairforget.report.headline import stereoset_first
from fairforget.report.scores import DomainScore, domain_scores, perplexities
from fairforget.report.wording import join_words
from fairforget.statistics.estimate import Estimate, weighted_mean

Runs = Sequence[tuple[str, UnlearningRun]]
"""Runs with their names."""
CONTROL_SELECTIONS = ("random", "all")
"""Selections that do not target the harmful tokens."""


def shared_benchmark(runs: Runs) -> str | None:
    """The bias benchmark of most runs; of several, StereoSet or else the first. None without any.

    Distances from 50 on different benchmarks cannot be compared.
    """
    counts = Counter(
        name
        for _, _, before, after in _measured(runs)
        for name in before.record.results
        if all(_single_domains(side, name) for side in (before, after))
    )
    return max(stereoset_first(counts), key=counts.__getitem__, default=None)


def run_points(runs: Runs, benchmark: str) -> list[Point]:
    """The runs measured on a benchmark; first the original model, if all share it."""
    points: list[Point] = []
    originals: list[Point] = []
    perplexity = _shared_perplexity(runs)
    for name, record, before, after in _measured(runs):
        bias, left = (mean_bias(side, benchmark) for side in (before, after))
        if bias is None or left is None:
            continue
        first = mean_bias(before, benchmark, SCALED_CONTRIBUTION)
        originals.append(original_point(bias, first))
        selection = record.method.get("selection")
        points.append(
            Point(
                name=f"{name}: {_method_label(record)}",
                bias=left,
                perplexity=_perplexity_change(before, after, record, perplexity),
                lms=_lms_change(before, after),
                contribution=mean_bias(after, benchmark, SCALED_CONTRIBUTION),
                control=bool(record.method.get("control"))
                or selection in CONTROL_SELECTIONS
                or any(c.name == CONTROL_CORPUS for c in record.corpora),
            )
        )
    if originals and all(math.isclose(o.bias.value, originals[0].bias.value) for o in originals):
        measured = any(point.lms for point in points)
        points.insert(0, originals[0] if measured else replace(originals[0], lms=None))
    return points


def describe_differences(runs: Runs, benchmark: str) -> str:
    """A caution if the runs on a benchmark differ in the original model or in how it is scored."""
    measured = [it for it in _measured(runs) if benchmark in it[2].record.results]
    facts = [record.model for _, record, _, _ in measured]
    sources = [*dict.fromkeys(model.source for model in facts)]
    if len({model.weights or model.source for model in facts}) > 1 and len(sources) > 1:
        return (
            f"The runs started from different models ({join_words(sources)}); do not use the plot "
            "to compare methods."
        )
    if len({model.weights for model in facts} - {""}) > 1:
        return (
            f"The runs started from different weights of {sources[0]}; do not use the plot to "
            "compare methods."
        )
    first = measured[0][2].record.results[benchmark]
    try:
        for _, _, before, _ in measured:
            check_settings(benchmark, first, before.record.results[benchmark])
    except InputError:
        return (
            "The runs were scored with different settings; do not use the plot to compare methods."
        )
    return ""


def _measured(runs: Runs) -> list[tuple[str, UnlearningRecord, Evaluation, Evaluation]]:
    """The runs that were evaluated before and after: name, record and both evaluations."""
    return [
        (name, run.record, run.before, run.after) for name, run in runs if run.before and run.after
    ]


def _single_domains(evaluation: Evaluation, benchmark: str) -> list[DomainScore]:
    """The domains with a stereotype score, without that of all together."""
    scores = domain_scores(benchmark, evaluation.record.results)
    return [score for score in scores if score.domain != ALL]


def original_point(bias: Score, contribution: Score | None = None) -> Point:
    """The point of the original model."""
    return Point("original", bias, Score(0.0), Score(0.0), contribution, original=True)


def mean_bias(evaluation: Evaluation, benchmark: str, measure: str | None = None) -> Score | None:
    """Mean distance from no bias over the domains of a benchmark; None if none has the score.

    Its interval is over the clusters of each domain, if the items were kept.

    Args:
        evaluation: of one model.
        benchmark: with options.
        measure: a further bias score; None for the benchmark's stereotype score. Domains without
            it do not count.
    """
    scores = _single_domains(evaluation, benchmark)
    if measure:
        values = [s.further[measure].value for s in scores if measure in s.further]
    else:
        values = [s.score for s in scores]
    if not values:
        return None
    interval = _bias_interval(benchmark, evaluation, measure)
    return Score(mean_distance(values, measure or "ss"), interval)


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


def _shared_perplexity(runs: Runs) -> str | None:
    """The first perplexity that all runs have before and after; None if there is none."""
    values = [_perplexities(side) for _, _, *sides in _measured(runs) for side in sides]
    first = values[0] if values else {}
    return next((name for name in first if all(name in side for side in values)), None)


def _perplexities(evaluation: Evaluation) -> dict[str, float]:
    return {p.benchmark: p.value for p in perplexities(evaluation.record.results)}


def _perplexity_change(
    before: Evaluation, after: Evaluation, record: UnlearningRecord, name: str | None
) -> Score:
    """Of one perplexity, or else of the held-out texts of the budget."""
    if name is None:
        return Score(100 * (record.budget.reached - 1))
    return Score(100 * (_perplexities(after)[name] / _perplexities(before)[name] - 1))


def _method_label(record: UnlearningRecord) -> str:
    """Objective, selection and forget corpora."""
    parts = [record.method.get("objective"), record.method.get("selection")]
    parts.append(join_words([corpus.name for corpus in record.forget]))
    return ", ".join(str(part) for part in parts if part)
