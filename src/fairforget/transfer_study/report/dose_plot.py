"""Dose-response plots: a bias score against the share of a run's update, with its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import measure_of
from fairforget.corpora.reading import parse_name
from fairforget.report.scale import Scale, Tick
from fairforget.report.tables import Column, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    domain_name,
    format_number,
    join_words,
)
from fairforget.transfer_study.plan import control_group
from fairforget.transfer_study.record import Dose, StudyRecord
from fairforget.transfer_study.report.row_names import FOLDED, score_name

DASHES = 8
"""Number of line styles of controls."""


@dataclass(frozen=True, slots=True)
class DoseLine:
    """One group of runs; positions in % of the width and of the height, from the top left."""

    name: str
    points: str
    """SVG points."""
    marks: list[tuple[float, float]]
    dash: int | None
    """Style of the line of a control; None for the runs that unlearn."""
    tip: str


@dataclass(frozen=True, slots=True)
class DosePlot:
    """One forget corpus and its controls, on one bias score."""

    id: str
    caption: str
    summary: str
    """The plot in words, for screen readers."""
    lines: list[DoseLine]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    ideal: Tick
    x_axis: str
    y_axis: str
    table: Table
    title: str
    folded: bool
    """Whether the page folds it away."""


def dose_plots(study: StudyRecord) -> list[DosePlot]:
    """A plot for each bias score, forget corpus and objective; none without doses."""
    places = dict.fromkeys(
        (d.benchmark, d.measure, d.forget, d.method) for d in study.doses if d.control is None
    )
    return [
        _dose_plot(*place, _own_domains(study, *place), doses)
        for place in places
        if (doses := [d for d in study.doses if _belongs(d, *place)])
    ]


def _belongs(dose: Dose, benchmark: str, measure: str, forget: str, method: str) -> bool:
    """Whether a score is of these runs or of one of their controls."""
    if (dose.benchmark, dose.measure) != (benchmark, measure):
        return False
    group = dose.forget, dose.method, dose.control
    if dose.control is None:
        return group == (forget, method, None)
    return group == control_group(forget, method, dose.control)


def _own_domains(
    study: StudyRecord, benchmark: str, measure: str, forget: str, method: str
) -> list[str]:
    """The unlearned domains, or else all items."""
    key = (forget, method, None, benchmark, measure)
    own = [c.domain for c in study.matrix if c.key == key and c.own and c.domain != ALL]
    return own or [ALL]


def _dose_plot(
    benchmark: str,
    measure: str,
    forget: str,
    method: str,
    domains: Sequence[str],
    doses: Sequence[Dose],
) -> DosePlot:
    shown = measure_of(measure)
    groups: dict[str, dict[float, list[float]]] = {}
    for dose in doses:
        if dose.domain in domains:
            name = dose.control or f"{parse_name(forget).part or forget} · {method}"
            groups.setdefault(name, {}).setdefault(dose.dose, []).append(dose.score)
    scores = {
        name: {share: fmean(values) for share, values in sorted(group.items())}
        for name, group in sorted(groups.items(), key=lambda item: item[0] in _controls(doses))
    }
    scale = Scale(
        [shown.ideal, *(value for group in scores.values() for value in group.values())],
        narrowest=10.0 ** (1 - shown.digits),
    )
    where = join_words([domain_name(domain).lower() for domain in domains])
    shares = sorted({share for group in scores.values() for share in group})
    caption = f"{score_name(benchmark, measure)} in {where} items, by fraction of the update"
    lines: list[DoseLine] = []
    for name, group in scores.items():
        marks = [(100 * share, round(100 - scale.x(value), 3)) for share, value in group.items()]
        control = name in _controls(doses)
        lines.append(
            DoseLine(
                name=name,
                points=" ".join(f"{x:g},{y:g}" for x, y in marks),
                marks=marks,
                dash=sum(line.dash is not None for line in lines) % DASHES if control else None,
                tip=f"{name}: "
                + ", ".join(
                    f"{format_number(value, shown.digits)} at {share:g}"
                    for share, value in group.items()
                ),
            )
        )
    return DosePlot(
        id=anchor("doses", benchmark, measure, forget, method),
        caption=f"{caption}: {forget} · {method}",
        summary="; ".join(line.tip for line in lines),
        lines=lines,
        x_ticks=[Tick(100 * share, f"{share:g}") for share in shares],
        y_ticks=scale.ticks(),
        ideal=Tick(scale.x(shown.ideal), shown.ideal_text),
        x_axis="Fraction of the final α (0: original, 1: result)",
        y_axis=f"{shown.title}, {shown.unit}",
        table=Table(
            caption=f"{caption}: {forget} · {method}, numbers",
            columns=[Column("Runs"), *(Column(f"{share:g}", numeric=True) for share in shares)],
            rows=[
                [
                    name,
                    *(
                        format_number(group[share], shown.digits) if share in group else NONE
                        for share in shares
                    ),
                ]
                for name, group in scores.items()
            ],
            note="Mean over seeds.",
        ),
        title=score_name(benchmark, measure),
        folded=measure in FOLDED,
    )


def _controls(doses: Sequence[Dose]) -> set[str]:
    return {dose.control for dose in doses if dose.control}
