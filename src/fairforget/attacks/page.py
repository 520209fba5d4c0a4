"""The report page of a durability measurement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairforget.attacks.plan import ATTACKS, DEBIASED, NONE
from fairforget.attacks.record import AttackEffect, DurabilityRecord, course_of
from fairforget.attacks.tables import (
    ScoreName,
    describe_interval,
    describe_steps,
    effects_of,
    effects_plot,
    effects_table,
    half_lives_table,
    last_steps,
    scores_of,
    strength_name,
)
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.records.paths import DURABILITY
from fairforget.records.store import read_record
from fairforget.report.evidence import cluster_name, list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.headline import Headline
from fairforget.report.wording import (
    benchmark_name,
    domain_name,
    flatten,
    format_number,
    format_score,
    join_words,
)
from fairforget.statistics.jackknife import FEWEST_CLUSTERS
from fairforget.terminal.messages import count_of

TEMPLATE = "durability.html.j2"
UNCORRECTED = (
    "Results are not corrected for the number of conditions.",
    "A change in bias counts as significant where its 95 % interval excludes 0. If there is no "
    "effect, about one interval in twenty excludes 0 by chance.",
)


def read(directory: Path) -> DurabilityRecord:
    """Return the measurement in a directory."""
    return read_record(directory / DURABILITY, DurabilityRecord)


def context(record: DurabilityRecord) -> dict[str, Any]:
    """Return the variables of the template."""
    main = main_score(record)
    scores = sorted(scores_of(record), key=lambda score: score != main)  # the main one first
    attacks = {effect.attack for effect in record.effects}
    return {
        "model": record.model.source,
        "headline": headline(record),
        "plots": [
            plot
            for run in record.runs
            for domain in record.domains
            if main and (plot := effects_plot(record, main, domain, run))
        ],
        "half_lives": half_lives_table(record, main) if main else None,
        "attacks": [(name, text) for name, text in ATTACKS.items() if name in attacks],
        "tables": [
            effects_table(record, score, domain)
            for score in scores
            for domain in dict.fromkeys(e.domain for e in record.effects)
            if effects_of(record, score, domain)
        ],
        "settings": pairs_table("Settings", flatten(record.settings)),
        "limitations": [
            *list_limitations(
                dict.fromkeys(effect.benchmark for effect in record.effects),
                "study" if len(record.runs[DEBIASED]) > 1 else "changes",
                verdicts=False,
            ),
            UNCORRECTED,
        ],
    }


def main_score(record: DurabilityRecord) -> ScoreName | None:
    """Return the score of the headline and the picture: the scaled contribution, or the first.

    None if no bias score was measured, such as from replies none of which is usable.
    """
    scores = scores_of(record)
    first = next(iter(scores), None)
    return next((score for score in scores if score[1] == SCALED_CONTRIBUTION), first)


def headline(record: DurabilityRecord) -> Headline:
    """Return how much of the effect is left under each attack."""
    score = main_score(record)
    plain = _effect_without_attack(record, score) if score else None
    if score is None or plain is None:
        return _describe_missing(score)
    effects = effects_of(record, score, plain.domain, DEBIASED)
    attacked = [effect for effect in effects if effect.attack != NONE]
    shown = measure_of(score[1])
    where = f"{benchmark_name(score[0])}, {domain_name(plain.domain).lower()}, {shown.in_words}"
    if (seeds := len(record.runs[DEBIASED])) > 1:
        where += f"; mean of {count_of(seeds, 'seed')}"
    change = format_score(plain.change, shown.digits, signed=True)
    beyond = "".join(_describe_excess(name, plain) for name in plain.excess)
    first = (
        f"Without an attack, the change in bias is {change} (below 0: bias fell; {where}){beyond}."
    )
    if plain.retained is None:
        why = "It may be zero"
        if plain.change.is_decided:
            why = f"It comes from fewer than {FEWEST_CLUSTERS} {cluster_name(score[0])}"
        return Headline(
            "The effect is undecided even without an attack",
            [f"{first} {why}, so no share of it is reported."],
        )
    if plain.change.value > 0:
        return Headline(
            "Bias rose even without an attack",
            [f"{first} There is no fall in bias that could last."],
        )
    attacks = dict.fromkeys(effect.attack for effect in attacked)
    lines = [first, *(_describe_attack(record, attack, plain, attacked) for attack in attacks)]
    left = sum(_survives(effect, plain) for effect in attacked)
    return Headline(
        f"The fall in bias is still significant in {left} of {len(attacked)} conditions", lines
    )


def _describe_excess(name: str, plain: AttackEffect) -> str:
    """Return the excess over a control in words."""
    excess = format_score(plain.excess[name], measure_of(plain.measure).digits, signed=True)
    return f"; its excess over the control “{name}” is {excess}"


def _describe_missing(score: ScoreName | None) -> Headline:
    where = f" on {benchmark_name(score[0])}" if score else ""
    sentence = (
        f"The models were not scored for bias{where} without an attack, so the share of the effect "
        "that is left cannot be computed."
    )
    return Headline("The effect was not measured without an attack", [sentence])


def _effect_without_attack(record: DurabilityRecord, score: ScoreName) -> AttackEffect | None:
    """Return the run's effect without an attack, in the first domain where it is decided, if any.

    None if it was measured in no domain.
    """
    plain = [
        effect
        for domain in record.domains
        for effect in effects_of(record, score, domain, DEBIASED)
        if effect.attack == NONE
    ]
    return next((effect for effect in plain if effect.retained), next(iter(plain), None))


def _survives(effect: AttackEffect, plain: AttackEffect) -> bool:
    """Whether the change in bias under an attack is decided, in the direction without one."""
    return effect.change.is_decided and effect.change.value * plain.change.value > 0


def _is_below(effect: AttackEffect, controls: Sequence[str]) -> bool:
    """Whether bias is decidedly lower than with each control under the same attack."""
    excess = effect.excess
    return all(name in excess and excess[name].direction == "less" for name in controls)


def _describe_attack(
    record: DurabilityRecord, attack: str, plain: AttackEffect, attacked: Sequence[AttackEffect]
) -> str:
    effects = [effect for effect in attacked if effect.attack == attack]
    left = [
        f"{format_number(100 * e.retained.value, 0)} % "
        f"({strength_name(e)}{'' if e.change.is_decided else ', undecided'})"
        for e in effects
        if e.retained is not None
    ]
    sentence = f"Effect retained under {attack}: {join_words(left)}"
    lost = [
        effect for effect in effects if effect.change.is_decided and not _survives(effect, plain)
    ]
    if lost:
        sentence += f"; reversed: {join_words([strength_name(effect) for effect in lost])}"
    if controls := [run for run in record.runs if run != DEBIASED]:
        beyond = sum(_survives(effect, plain) and _is_below(effect, controls) for effect in effects)
        sentence += (
            f"; lower bias than with {'the control' if len(controls) == 1 else 'every control'} in "
            f"{beyond} of {count_of(len(effects), 'condition')}"
        )
    for life in record.half_lives:
        if course_of(life) == course_of(effects[0]):
            last = last_steps(record, life)
            sentence += f"; half-life: {describe_steps(life, last)} steps"
            sentence += f" (95 % interval: {describe_interval(life, last)})"
    return f"{sentence}."
