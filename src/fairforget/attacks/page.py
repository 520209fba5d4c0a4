"""The report page of a durability measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.attacks.plan import ATTACKS, NONE
from fairforget.attacks.record import DurabilityRecord, Effect
from fairforget.attacks.tables import (
    Score,
    condition_name,
    describe_steps,
    effects_of,
    effects_plot,
    effects_table,
    half_lives_table,
    last_steps,
    scores_of,
)
from fairforget.records.paths import DURABILITY
from fairforget.records.store import read_record
from fairforget.report.evidence import list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.headline import Headline
from fairforget.report.measures import measure_of
from fairforget.report.wording import (
    benchmark_name,
    domain_name,
    flatten,
    format_number,
    format_with_interval,
    join_words,
)

TEMPLATE = "durability.html.j2"
CONTRIBUTION = "contribution_scaled"
"""The score of the headline, if it was measured."""


def read(directory: Path) -> DurabilityRecord:
    """Return the measurement in a directory."""
    return read_record(directory / DURABILITY, DurabilityRecord)


def context(record: DurabilityRecord) -> dict[str, Any]:
    """Return the variables of the template."""
    main = main_score(record)
    scores = [main, *(score for score in scores_of(record) if score != main)]
    attacks = {effect.attack for effect in record.effects}
    return {
        "model": record.model.source,
        "headline": headline(record),
        "plots": [
            plot
            for run in record.runs
            for domain in record.domains
            if (plot := effects_plot(record, main, domain, run))
        ],
        "half_lives": half_lives_table(record, main),
        "attacks": [(name, text) for name, text in ATTACKS.items() if name in attacks],
        "tables": [
            effects_table(record, score, domain)
            for score in scores
            for domain in dict.fromkeys(e.domain for e in record.effects)
            if effects_of(record, score, domain)
        ],
        "settings": pairs_table("Settings", flatten(record.settings)),
        "limitations": list_limitations(
            dict.fromkeys(effect.benchmark for effect in record.effects), "changes"
        ),
    }


def main_score(record: DurabilityRecord) -> Score:
    """Return the score of the headline and the picture: the scaled contribution, or the first."""
    scores = scores_of(record)
    return next((score for score in scores if score[1] == CONTRIBUTION), scores[0])


def headline(record: DurabilityRecord) -> Headline:
    """Return how much of the effect is left under each attack."""
    score = main_score(record)
    known = [it for d in record.domains if (it := effects_of(record, score, d, "debiased"))]
    decided = [effects for effects in known if effects[0].retained]
    plain, *attacked = (decided or known)[0]
    domain = plain.domain
    shown = measure_of(score[1])
    where = f"{benchmark_name(score[0])}, {domain_name(domain).lower()}"
    change = format_with_interval(
        plain.change.value, plain.change.ci, signed=True, digits=shown.digits
    )
    lines = [f"Without an attack, the run changed bias by {change} ({where}, {shown.in_words})."]
    if plain.retained is None:
        lines.append("That change is undecided, so there is no effect whose durability counts.")
        return Headline("No decided effect to lose", lines)
    lines += [_describe_attack(attack, attacked) for attack in _attacks(attacked)]
    lines += [
        f"Half of the effect is lost after {describe_steps(life, last_steps(record, life))} "
        f"steps of {life.attack}."
        for life in record.half_lives
        if (life.run, life.benchmark, life.measure, life.domain) == ("debiased", *score, domain)
    ]
    lost = [e for e in attacked if _includes_zero(e)]
    if not lost:
        return Headline("The effect survives every attack", lines)
    worst = join_words([condition_name(e) for e in lost])
    return Headline(
        "The effect does not survive every attack", [*lines, f"It is undecided after: {worst}."]
    )


def _attacks(effects: list[Effect]) -> list[str]:
    return list(dict.fromkeys(effect.attack for effect in effects))


def _describe_attack(attack: str, effects: list[Effect]) -> str:
    left = [
        f"{format_number(100 * e.retained.value, 0)} % ({e.strength})"
        for e in effects
        if e.attack == attack and e.retained is not None
    ]
    return f"{attack.capitalize()}: {join_words(left)} of it is left."


def _includes_zero(effect: Effect) -> bool:
    assert effect.attack != NONE
    ci = effect.change.ci
    return ci is None or ci[0] <= 0 <= ci[1]
