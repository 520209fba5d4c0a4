"""Compare the models of runs with the original under each condition."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from fairforget.attacks.plan import DEBIASED, NONE, Condition, benchmarks_of
from fairforget.attacks.record import AttackEffect
from fairforget.benchmarks import find_judge
from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.effects import DomainEffect, measure_effects
from fairforget.comparison.score_change import Score
from fairforget.records.evaluation import Evaluation
from fairforget.statistics.distance import ratio_of_changes
from fairforget.statistics.jackknife import too_few

Key = tuple[str, str, str]
"""Benchmark, score and domain."""
ABILITY = ("lms", "icat")
"""The scores of language ability."""


def compare_conditions(
    original: Mapping[Condition, Evaluation],
    results: Mapping[str, Sequence[Mapping[Condition, Evaluation]]],
    benchmarks: Sequence[str],
) -> list[AttackEffect]:
    """Return the effect of each run under each condition, for every bias score and domain.

    Args:
        original: the evaluations of the original model, the one without an attack first.
        results: run → [seeds] those of its model under the same conditions. `debiased` is first;
            the others are controls.
        benchmarks: as without an attack.

    Raises:
        InputError: the items of two evaluations differ.
    """
    effects: dict[str, list[AttackEffect]] = {run: [] for run in results}
    plain: dict[tuple[str, Key], DomainEffect] = {}
    for condition, evaluation in original.items():
        names = benchmarks_of(condition, benchmarks)
        after = {run: [seed[condition] for seed in seeds] for run, seeds in results.items()}
        excess = _excess_over_controls(evaluation, after, names)
        for run, seeds in after.items():
            # by itself: a control changes no other run's interval
            for key, (effect,) in _compare(evaluation, [seeds], names):
                if not effect.is_complete:
                    continue
                if condition.attack == NONE:
                    plain[run, key] = effect
                effects[run].append(
                    AttackEffect(
                        run,
                        condition.attack,
                        condition.strength,
                        *key,
                        original=Score.of_one_model(effect.before, key[1]),
                        result=Score.of_one_model(effect.after, key[1]),
                        change=Score.of(effect.bias),
                        retained=_retained(effect, plain.get((run, key))),
                        excess=excess.get(key, {}) if run == DEBIASED else {},
                        ability={
                            name: effect.other_scores[name]
                            for name in ABILITY
                            if name in effect.other_scores
                        },
                    )
                )
    return [effect for of_run in effects.values() for effect in of_run]


def unlearned_domains(effects: Sequence[AttackEffect], trained: Collection[str]) -> list[str]:
    """Return the benchmarks' domains that cover any of FairForget's domains that were unlearned."""
    own = (it for it in effects if it.domain != ALL and is_about(it.benchmark, it.domain, trained))
    return [*dict.fromkeys(effect.domain for effect in own)]


def _compare(
    original: Evaluation, groups: Sequence[Sequence[Evaluation]], names: Mapping[str, str]
) -> Iterator[tuple[Key, list[DomainEffect]]]:
    """Yield the effects of groups of evaluations on each bias score.

    Args:
        original: the evaluation of the original model.
        groups: [groups][seeds]
        names: benchmark without an attack → its name under the condition.
    """
    for benchmark, name in names.items():
        judge = find_judge(benchmark)
        assert judge is not None  # `durability` has checked it
        after = [[seed.items_of(name) for seed in seeds] for seeds in groups]
        for compared in compare_domains(name, judge, original.items_of(name), after):
            for measure, effects in measure_effects(compared).items():
                yield (benchmark, measure, compared.domain), effects


def _excess_over_controls(
    original: Evaluation, results: Mapping[str, Sequence[Evaluation]], names: Mapping[str, str]
) -> dict[Key, dict[str, Score]]:
    """Return the change in bias of the first run minus that of each other, paired by items.

    Each control by itself: it changes no other control's interval.
    """
    (_, own), *controls = results.items()
    excess: dict[Key, dict[str, Score]] = {}
    for run, seeds in controls:
        for key, (effect, control) in _compare(original, [own, seeds], names):
            if effect.is_complete and control.is_complete:
                excess.setdefault(key, {})[run] = Score.of(effect.beyond(control))
    return excess


def _retained(attacked: DomainEffect, plain: DomainEffect | None) -> Score | None:
    """Return the share of the effect that is left; None if it was undecided without an attack.

    `plain` is None if no item counted in the score without an attack.
    """
    if plain is None or too_few(plain.clusters) or not Score.of(plain.bias).is_decided:
        return None
    if attacked is plain:
        return Score(1.0)
    shares = ratio_of_changes(attacked.bias, plain.bias)
    return Score(*shares) if shares else Score(attacked.bias.value / plain.bias.value)
