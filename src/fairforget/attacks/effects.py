"""Compare the model of a run with the original under each condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairforget.attacks.plan import NONE, Condition, benchmarks_of
from fairforget.attacks.record import Effect
from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import group_by_domain
from fairforget.comparison.paired import (
    estimate_distance,
    estimate_scores,
    finite_interval,
    match_items,
)
from fairforget.distance import DistanceChange, ratio_of_changes
from fairforget.estimate import Estimate, weighted_mean
from fairforget.records.evaluation import Evaluation
from fairforget.report.scores import Score
from fairforget.statistics import FEWEST_CLUSTERS

Key = tuple[str, str, str]
"""Benchmark, score and domain."""


@dataclass(frozen=True, slots=True)
class _Scored:
    before: Estimate
    change: Estimate
    distance: DistanceChange
    clusters: int

    @property
    def shown(self) -> Score:
        """The change in bias, with its interval if that is finite."""
        return Score(self.distance.value, finite_interval(self.distance.ci))


def measure_effects(
    run: str,
    original: Mapping[Condition, Evaluation],
    result: Mapping[Condition, Evaluation],
    benchmarks: Sequence[str],
) -> list[Effect]:
    """Return the effect under each condition, for every bias score and domain.

    Args:
        run: its name in the record.
        original: the evaluations of the original model, the one without an attack first.
        result: those of the run's model, under the same conditions.
        benchmarks: as without an attack.

    Raises:
        InputError: the items of two evaluations differ.
    """
    effects: list[Effect] = []
    plain: dict[Key, _Scored] = {}
    for condition, evaluation in original.items():
        names = benchmarks_of(condition, benchmarks)
        scored = dict(_compare(evaluation, result[condition], names))
        if condition.attack == NONE:
            plain = scored
        for key, it in scored.items():
            effects.append(
                Effect(
                    run,
                    condition.attack,
                    condition.strength,
                    *key,
                    original=_score(it.before),
                    result=_score(weighted_mean([it.before, it.change], [1.0, 1.0])),
                    change=it.shown,
                    retained=_retained(it, plain[key]),
                )
            )
    return effects


def _compare(
    original: Evaluation, result: Evaluation, names: Mapping[str, str]
) -> Iterator[tuple[Key, _Scored]]:
    for benchmark, name in names.items():
        judge = find_judge(benchmark)
        assert judge is not None  # `durability` has checked it
        before, after = original.items_of(name), result.items_of(name)
        by_id = match_items(name, before, after)
        for domain, rows in group_by_domain(before).items():
            old, new = judge(rows), judge([by_id[row["id"]] for row in rows])
            for measure, (value, change) in estimate_scores(old, [new], domain).items():
                if measure in old.unbiased_scores:
                    distance = estimate_distance(value, change, old.unbiased_scores[measure])
                    clusters = len(old.clusters_of(measure))
                    yield (
                        (benchmark, measure, domain),
                        _Scored(value, change, distance, clusters),
                    )


def _retained(attacked: _Scored, plain: _Scored) -> Score | None:
    """Return the share of the effect that is left; None if it was undecided without an attack."""
    if plain.clusters < FEWEST_CLUSTERS or not plain.shown.is_decided:
        return None
    if attacked is plain:
        return Score(1.0)
    shares = ratio_of_changes(attacked.distance, plain.distance)
    return Score(*shares) if shares else Score(attacked.distance.value / plain.distance.value)


def _score(estimate: Estimate) -> Score:
    return Score(estimate.value, finite_interval(estimate.ci))
