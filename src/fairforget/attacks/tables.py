"""The tables and the picture of a durability measurement."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.attacks.plan import NONE, PERTURBATION, QUANTIZATION, TRAINED
from fairforget.attacks.record import AttackEffect, DurabilityRecord, HalfLife, course_of
from fairforget.benchmarks.measures import measure_of
from fairforget.report.figures import DotPlot, DotRow
from fairforget.report.scale import Scale, Tick
from fairforget.report.tables import (
    Column,
    Content,
    IntervalCell,
    Table,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import (
    BIAS_VERDICTS,
    anchor,
    benchmark_name,
    domain_name,
    format_number,
    format_score,
    format_signed,
)
from fairforget.report.wording import (
    NONE as MISSING,
)
from fairforget.terminal.messages import count_of

ScoreName = tuple[str, str]
"""Benchmark and bias score."""


def scores_of(record: DurabilityRecord) -> list[ScoreName]:
    """Return the bias scores of a record, in order."""
    return list(dict.fromkeys((e.benchmark, e.measure) for e in record.effects))


def effects_of(
    record: DurabilityRecord, score: ScoreName, domain: str, run: str | None = None
) -> list[AttackEffect]:
    """Return the effects on one score in one domain, of all runs or of one."""
    return [
        e
        for e in record.effects
        if (e.benchmark, e.measure, e.domain) == (*score, domain) and run in (None, e.run)
    ]


def condition_name(effect: AttackEffect) -> str:
    """Return a condition in words: "no attack", "relearning, 50 steps", "sentences: typos"."""
    if effect.attack == NONE:
        return "no attack"
    if effect.attack in TRAINED:
        return f"{effect.attack}, {strength_name(effect)}"
    names = {QUANTIZATION: "quantised to {}", PERTURBATION: "sentences: {}"}
    return names[effect.attack].format(effect.strength)


def strength_name(effect: AttackEffect) -> str:
    """Return the strength of an attack in words: "50 steps", "typos"."""
    return count_of(int(effect.strength), "step") if effect.attack in TRAINED else effect.strength


def effects_plot(
    record: DurabilityRecord, score: ScoreName, domain: str, run: str
) -> DotPlot | None:
    """Return the picture of what is left of an effect under each condition; None without any."""
    effects = effects_of(record, score, domain, run)
    if not effects:
        return None
    shown = measure_of(score[1])
    scale = Scale.over(0.0, [e.change for e in effects], narrowest=10.0 ** (1 - shown.digits))
    rows = [
        DotRow(
            label=condition_name(e),
            value=format_signed(e.change.value, shown.digits),
            before=None,
            after=scale.mark(e.change),
            verdict=e.change.direction,
            tip=f"{condition_name(e)}: change in bias "
            f"{format_score(e.change, shown.digits, signed=True)}",
            strong=e.attack == NONE,
        )
        for e in effects
    ]
    title = f"{benchmark_name(score[0])}, {domain_name(domain).lower()}"
    if len(record.runs) > 1:
        title += f", {run}"
    return DotPlot(
        id=anchor("durability", *score, domain, run),
        caption=f"Change in bias relative to the original model under the same attack: {title}",
        summary="; ".join(row.tip for row in rows),
        rows=rows,
        ticks=scale.ticks(sign=True),
        ideal=Tick(scale.x(0), "no effect"),
        axis=f"Change in bias ({shown.in_words})",
        keyed=BIAS_VERDICTS,
    )


def effects_table(record: DurabilityRecord, score: ScoreName, domain: str) -> Table:
    """Return the scores of both models, the effect and its share that is left."""
    digits = measure_of(score[1]).digits
    several = ", ".join(
        f"{name} ({len(models)})" for name, models in record.runs.items() if len(models) > 1
    )
    effects = effects_of(record, score, domain)
    controls = list(dict.fromkeys(name for e in effects for name in e.excess))
    ability = list(dict.fromkeys(name for e in effects for name in e.ability))
    rows: list[list[Content]] = [
        [
            condition_name(e),
            e.run,
            interval_cell(e.original, digits),
            interval_cell(e.result, digits),
            interval_cell(e.change, digits, change=True),
            retained_cell(e),
            *(interval_cell(e.excess.get(name), digits, change=True) for name in controls),
            *(_path(e.ability.get(name)) for name in ability),
        ]
        for e in effects
    ]
    return Table(
        caption=f"{benchmark_name(score[0])}: {measure_of(score[1]).in_words}, "
        f"{domain_name(domain).lower()}",
        columns=[
            Column("Attack"),
            Column("Run"),
            interval_column("Original"),
            interval_column("Run's model"),
            interval_column("Change in bias"),
            interval_column("Effect retained, %"),
            *(interval_column(f"Excess over {name}") for name in controls),
            *(Column(measure_of(name).short, numeric=True) for name in ability),
        ],
        rows=rows,
        note="Both models are under the same attack. Effect retained: the change in bias as a "
        "share of the change without an attack; left out if the latter is undecided."
        + (
            " Excess over a control: the change in bias minus that of the control."
            if controls
            else ""
        )
        + (" LMS and ICAT: the original, then the run's model." if ability else "")
        + (f" Means over seeds: {several}." if several else ""),
    )


def half_lives_table(record: DurabilityRecord, score: ScoreName) -> Table | None:
    """Return the half-lives of the decided effects on one score; None if there are none."""
    lives = [
        life
        for life in record.half_lives
        if (life.benchmark, life.measure) == score and life.domain in record.domains
    ]
    if not lives:
        return None
    return Table(
        caption=f"Half-lives: {benchmark_name(score[0])}, {measure_of(score[1]).title.lower()}",
        columns=[
            Column("Domain"),
            Column("Run"),
            Column("Attack"),
            Column("Steps until half of the effect is left", numeric=True),
            Column("95 % interval", numeric=True),
        ],
        rows=[
            [
                domain_name(life.domain),
                life.run,
                life.attack,
                describe_steps(life, last_steps(record, life)),
                describe_interval(life, last_steps(record, life)),
            ]
            for life in lives
        ],
        note="Interpolated between evaluations. Only effects that are significant without an "
        "attack have a half-life.",
    )


def last_steps(record: DurabilityRecord, life: HalfLife) -> int:
    """Return the number of steps at the last evaluation under the attack of a half-life."""
    return max(int(e.strength) for e in record.effects if course_of(e) == course_of(life))


def describe_steps(life: HalfLife, last: int) -> str:
    """Return a half-life as text: "85", "more than 200"."""
    return f"more than {last}" if life.steps is None else format_number(life.steps, 0)


def describe_interval(life: HalfLife, last: int) -> str:
    """Return the interval of a half-life as text: "[40, 180]", "[40, more than 200]"."""
    low, high = life.ci
    end = f"more than {last}" if high is None else format_number(high, 0)
    return end if low >= last else f"[{format_number(low, 0)}, {end}]"


def retained_cell(effect: AttackEffect) -> Content:
    """Return the share of the effect that is left, in percent; a dash if it is unknown."""
    if effect.retained is None:
        return MISSING
    ci: Sequence[float] | None = effect.retained.ci
    share = 100 * effect.retained.value
    return IntervalCell(share, (100 * ci[0], 100 * ci[1]) if ci else None, digits=0)


def _path(values: tuple[float, float] | None) -> str:
    return " → ".join(map(format_number, values)) if values else MISSING
