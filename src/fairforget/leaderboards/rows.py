"""The rows of a leaderboard, and the effect of each method compared with the original model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.compare import check_settings
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.score_change import Score, Verdict
from fairforget.leaderboards.plan import ORIGINAL, PUBLISHED, MethodRun
from fairforget.leaderboards.record import MethodEffect, Row
from fairforget.leaderboards.runs import FinishedMethodRun
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import BudgetFacts
from fairforget.records.schema import has_interval, interval_of
from fairforget.records.scores import main_measure
from fairforget.statistics.jackknife import too_few
from fairforget.statistics.significance import SIGNIFICANT, adjust_holm

SEPARATOR = "/"
"""Between a benchmark and one of its further scores."""


def make_rows(finished: Mapping[MethodRun, FinishedMethodRun]) -> list[Row]:
    """Return one row for each run and cost."""
    return [
        _row(run, result, cost) for run, result in finished.items() for cost in result.evaluations
    ]


def compare_with_original(finished: Mapping[MethodRun, FinishedMethodRun]) -> list[MethodEffect]:
    """Return the effects of all methods on all scores that are computed from items.

    Raises:
        InputError: the runs scored different items, or with different settings.
    """
    originals = {
        run.model: result.evaluations[PUBLISHED]
        for run, result in finished.items()
        if run.method == ORIGINAL
    }
    groups: dict[tuple[str, str, str], list[Evaluation]] = {}
    for run, result in finished.items():
        if run.method == ORIGINAL or run.model not in originals:
            continue
        for cost, evaluation in result.evaluations.items():
            groups.setdefault((run.model, run.method, cost), []).append(evaluation)
    effects = [
        effect
        for (model, method, cost), evaluations in groups.items()
        for effect in _effects(originals[model], evaluations, (model, method, cost))
    ]
    return _adjust(effects)


def _row(run: MethodRun, result: FinishedMethodRun, cost: str) -> Row:
    record = result.record
    equal = record.equal if cost != PUBLISHED else None
    return Row(
        model=run.model,
        method=run.method,
        seed=run.seed,
        cost=cost,
        alpha=equal.alpha if equal else 1.0,
        note=equal.note if equal else "",
        ratios=equal.reached_ratios if equal else record.ratios,
        movement=_largest_movement(equal) if equal else None,
        seconds=record.seconds,
        peak_memory=record.peak_memory,
        slowdown=record.slowdown,
        scores=_scores(result.evaluations[cost].record.results),
    )


def _largest_movement(equal: BudgetFacts) -> float | None:
    return max((facts.reached for facts in equal.movements.values()), default=None)


def _scores(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Score]]:
    """Return benchmark, or benchmark and further score → domain → score."""
    scores: dict[str, dict[str, Score]] = {}
    for benchmark, result in results.items():
        if "value" in result:
            scores[benchmark] = {ALL: Score(float(result["value"]))}
        for domain, facts in result.get("domains", {}).items():
            main = main_measure(facts)
            for name in facts:
                if has_interval(facts, name):
                    key = benchmark if name == main else benchmark + SEPARATOR + name
                    score = Score(float(facts[name]), interval_of(facts, name))
                    scores.setdefault(key, {})[domain] = score
    return scores


def _effects(
    original: Evaluation, after: Sequence[Evaluation], group: tuple[str, str, str]
) -> Iterator[MethodEffect]:
    """Yield the effects of runs that differ only in their seed, before Holm's correction."""
    model, method, cost = group
    for benchmark, result in original.record.results.items():
        judge = find_judge(benchmark)
        before = original.items_of(benchmark)
        if judge is None or not before:
            continue
        for run in after:
            check_settings(benchmark, result, run.record.results.get(benchmark, {}))
        runs = [run.items_of(benchmark) for run in after]
        for compared in compare_domains(benchmark, judge, before, [runs]):
            unbiased_scores = compared.before.unbiased_scores
            for measure, measured in compared.of_only_group.items():
                distance, p = None, measured.change.p
                verdict: Verdict | None = None
                if measure in unbiased_scores:
                    distance, p = measured.shown_distance(unbiased_scores[measure])
                    if not too_few(measured.clusters):
                        verdict = distance.direction
                yield MethodEffect(
                    model=model,
                    method=method,
                    cost=cost,
                    benchmark=benchmark,
                    measure=measure,
                    domain=compared.domain,
                    seeds=len(after),
                    before=Score.of_one_model(measured.before, measure),
                    after=Score.of_one_model(measured.after, measure),
                    change=Score.of(measured.change),
                    distance=Score(distance.delta, distance.ci) if distance else None,
                    p=p,
                    p_adjusted=p,
                    verdict=verdict,
                    clusters=measured.clusters,
                )


def _adjust(effects: Sequence[MethodEffect]) -> list[MethodEffect]:
    """Return the effects with Holm-corrected p-values and the verdicts that these support."""
    p_values = adjust_holm({n: (_family(effect), effect.p) for n, effect in enumerate(effects)})
    return [
        replace(
            effect,
            p_adjusted=p_values[n],
            verdict=effect.verdict
            if effect.verdict is None or p_values[n] < SIGNIFICANT
            else "undecided",
        )
        for n, effect in enumerate(effects)
    ]


def _family(effect: MethodEffect) -> tuple[str, str, str, str, bool] | None:
    """Return the tests that an effect is corrected with; None if it has too few clusters.

    Such an effect cannot be decided, so it would only cost the others power.
    """
    if too_few(effect.clusters):
        return None
    return effect.model, effect.cost, effect.benchmark, effect.measure, effect.domain == ALL
