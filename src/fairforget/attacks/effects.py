"""Compare the model of a run with the original under each condition."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairforget.attacks.plan import NONE, Condition, benchmarks_of
from fairforget.attacks.record import AttackEffect
from fairforget.benchmarks import find_judge
from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.score_change import Score, ScoreChange
from fairforget.records.evaluation import Evaluation
from fairforget.statistics.distance import DistanceChange, ratio_of_changes
from fairforget.statistics.jackknife import too_few

Key = tuple[str, str, str]
"""Benchmark, score and domain."""
ABILITY = ("lms", "icat")
"""The scores of language ability."""


@dataclass(frozen=True, slots=True)
class _Measured:
    score: ScoreChange
    distance: DistanceChange
    ability: dict[str, tuple[float, float]]

    @property
    def shown(self) -> Score:
        """The change in bias, with its interval if that is finite."""
        return Score.of(self.distance)


def compare_conditions(
    run: str,
    original: Mapping[Condition, Evaluation],
    results: Sequence[Mapping[Condition, Evaluation]],
    benchmarks: Sequence[str],
) -> list[AttackEffect]:
    """Return the effect under each condition, for every bias score and domain.

    Args:
        run: its name in the record.
        original: the evaluations of the original model, the one without an attack first.
        results: for each seed, those of the run's model under the same conditions.
        benchmarks: as without an attack.

    Raises:
        InputError: the items of two evaluations differ.
    """
    effects: list[AttackEffect] = []
    plain: dict[Key, _Measured] = {}
    for condition, evaluation in original.items():
        names = benchmarks_of(condition, benchmarks)
        measured = dict(_compare(evaluation, [seed[condition] for seed in results], names))
        if condition.attack == NONE:
            plain = measured
        for key, it in measured.items():
            effects.append(
                AttackEffect(
                    run,
                    condition.attack,
                    condition.strength,
                    *key,
                    original=Score.of_one_model(it.score.before, key[1]),
                    result=Score.of_one_model(it.score.after, key[1]),
                    change=it.shown,
                    retained=_retained(it, plain.get(key)),
                    ability=it.ability,
                )
            )
    return effects


def unlearned_domains(effects: Sequence[AttackEffect], trained: Collection[str]) -> list[str]:
    """Return the benchmarks' domains that cover any of FairForget's domains that were unlearned."""
    own = (it for it in effects if it.domain != ALL and is_about(it.benchmark, it.domain, trained))
    return [*dict.fromkeys(effect.domain for effect in own)]


def _compare(
    original: Evaluation, results: Sequence[Evaluation], names: Mapping[str, str]
) -> Iterator[tuple[Key, _Measured]]:
    for benchmark, name in names.items():
        judge = find_judge(benchmark)
        assert judge is not None  # `durability` has checked it
        after = [result.items_of(name) for result in results]
        for compared in compare_domains(name, judge, original.items_of(name), [after]):
            changes = compared.of_only_group
            ability = {
                name: (changes[name].before.value, changes[name].after.value)
                for name in ABILITY
                if name in changes
            }
            for measure, unbiased in compared.before.unbiased_scores.items():
                if measure in changes:
                    distance = changes[measure].distance_from(unbiased)
                    it = _Measured(changes[measure], distance, ability)
                    yield (benchmark, measure, compared.domain), it


def _retained(attacked: _Measured, plain: _Measured | None) -> Score | None:
    """Return the share of the effect that is left; None if it was undecided without an attack.

    `plain` is None if no item counted in the score without an attack.
    """
    if plain is None or too_few(plain.score.clusters) or not plain.shown.is_decided:
        return None
    if attacked is plain:
        return Score(1.0)
    shares = ratio_of_changes(attacked.distance, plain.distance)
    return Score(*shares) if shares else Score(attacked.distance.value / plain.distance.value)
