"""The verdict on a cell: does unlearning lower bias here, by more than every control?

Each cell has one test of all its effects at once: the change in bias, and its excess over each
control without the suspected cause. "Bias fell, and fell more than with every control" is an
intersection of claims, so its p-value is the largest of theirs (intersection-union test, Berger
1982). "Bias rose, or fell less than with a control" needs one claim, so its p-value is the smallest
of theirs times their number (Bonferroni). So does "no more than the margin": that some effect, the
change in bias or the excess over one control, is a fall of less than the margin (a one-sided
equivalence test, Schuirmann 1987).

p-values are Holm-corrected within families. Unlearned corpora and controls are separate families,
because only the former answer the study's question. So are single domains and the score over all
items, which repeats them. Each bias score of each benchmark has its own families. Cells that cannot
be decided (too few clusters, or one seed) belong to no family: they would cost the others power.
The omnibus tests of a benchmark are one family.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from fairforget.benchmarks.measurement import ALL
from fairforget.statistics.distance import DistanceChange
from fairforget.statistics.jackknife import too_few
from fairforget.statistics.significance import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.record import (
    ClaimVerdict,
    Effect,
    MatrixCell,
    MatrixRow,
    Omnibus,
    Reason,
)
from fairforget.transfer_study.required_data import data_needed, seeds_needed

Family = tuple[Hashable, ...]
T = TypeVar("T", MatrixCell, Omnibus)


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """A cell or omnibus test before the correction of its p-values."""

    cell: T
    changes: tuple[DistanceChange, ...]
    """`bias`, and each excess that the verdict depends on."""
    obstacle: Reason | None
    """The defect of a control that rules out support for the claim, regardless of the effects."""
    unbiased: bool = False
    """Whether the original model may have no bias in this domain."""
    idle: bool = False
    """Whether a run changed nothing (α = 0), so that a small effect is no evidence."""


def cell_family(cell: MatrixCell) -> Family | None:
    """The family of a cell; None if it has too few clusters or one seed."""
    if too_few(cell.clusters) or cell.seeds == 1:
        return None
    return cell.benchmark, cell.measure, cell.control is None, cell.domain == ALL


def row_family(row: MatrixRow, clusters: int | None) -> Family | None:
    """The family of a row's mean over domains that have `clusters` clusters; None as for a cell."""
    if too_few(clusters) or row.seeds == 1:
        return None
    return row.benchmark, row.measure, row.control is None


def control_family(family: Family | None, control: str) -> Family | None:
    """The family of the excesses over a control: each control is a separate question."""
    return None if family is None else (*family, control)


def correct_by_control(
    excesses: Sequence[Mapping[str, Effect]], families: Sequence[Family | None]
) -> list[dict[str, Effect]]:
    """The excesses by control [cells] with p-values corrected within the families [cells]."""
    p_values = adjust_holm(
        {
            (n, control): (control_family(family, control), effect.p)
            for n, (excess, family) in enumerate(zip(excesses, families, strict=True))
            for control, effect in excess.items()
        }
    )
    return [
        {control: replace(e, p_adjusted=p_values[n, control]) for control, e in excess.items()}
        for n, excess in enumerate(excesses)
    ]


def judge_cells(pending: Sequence[Pending[MatrixCell]]) -> list[MatrixCell]:
    """The cells with corrected p-values and, unless they are of a control, with their verdicts."""
    families = [cell_family(p.cell) for p in pending]
    decidable = _without_idle(pending, families)
    deltas = adjust_holm(
        {n: (family, pending[n].cell.delta.p) for n, family in enumerate(families)}
    )
    cells = []
    for n, (p, cell) in enumerate(zip(pending, _judge(pending, families), strict=True)):
        cell = replace(cell, delta=replace(cell.delta, p_adjusted=deltas[n]))
        if cell.control is not None:
            cell = replace(cell, verdict=None, p_verdict=None, p_margin=None)
        elif cell.verdict == "undecided":
            cell = _explain(cell, p, decidable.count(families[n]))
        cells.append(cell)
    return cells


def judge_omnibus(pending: Sequence[Pending[Omnibus]]) -> list[Omnibus]:
    """The omnibus tests with corrected p-values and verdicts."""
    return _judge(pending, [None if p.cell.seeds == 1 else (p.cell.benchmark,) for p in pending])


def raw_verdict(
    changes: Sequence[DistanceChange], *, obstacle: bool = False
) -> tuple[ClaimVerdict, float]:
    """The direction of effects, and its p-value before correction for other cells.

    Args:
        changes: the change in bias, and each excess that the verdict depends on.
        obstacle: whether something is wrong with a control, so that nothing can be supported.
    """
    rising = [change.p for change in changes if change.value > 0]
    if rising:
        return "contradicted", min(1.0, min(rising) * len(changes))
    if obstacle or not all(change.value < 0 for change in changes):
        return "undecided", 1.0
    return "supported", max(change.p for change in changes)


def margin_p(changes: Sequence[DistanceChange], margin: float) -> float:
    """p-value of the hypothesis that every effect is a fall of `margin` or more."""
    return min(1.0, min(change.p_fell_by(margin) for change in changes) * len(changes))


def rose(effect: Effect) -> bool:
    """Whether an effect is significantly above 0."""
    return effect.value > 0 and effect.p_adjusted < SIGNIFICANT


def _judge(pending: Sequence[Pending[T]], families: Sequence[Family | None]) -> list[T]:
    """The cells with corrected p-values and with their verdicts."""
    numbered = list(enumerate(zip(pending, families, strict=True)))
    claims = [raw_verdict(p.changes, obstacle=p.obstacle is not None) for p in pending]
    biases = adjust_holm({n: (family, p.cell.bias.p) for n, (p, family) in numbered})
    excesses = correct_by_control([p.cell.excess for p in pending], families)
    decidable = _without_idle(pending, families)
    verdicts = adjust_holm({n: (it, claims[n][1]) for n, it in enumerate(decidable)})
    limits = [margin_p(p.changes, p.cell.margin) for p in pending]
    margins = adjust_holm({n: (it, limits[n]) for n, it in enumerate(decidable)})
    cells = []
    for n, (p, family) in numbered:
        verdict: ClaimVerdict = "undecided"
        if verdicts[n] < SIGNIFICANT:
            verdict = claims[n][0]
        elif margins[n] < SIGNIFICANT:
            verdict = "no more than margin"
        cells.append(
            replace(
                p.cell,
                bias=replace(p.cell.bias, p_adjusted=biases[n]),
                excess=excesses[n],
                verdict=verdict,
                p_verdict=None if family is None else verdicts[n],
                p_margin=None if family is None else margins[n],
            )
        )
    return cells


def _without_idle(
    pending: Sequence[Pending[T]], families: Sequence[Family | None]
) -> list[Family | None]:
    """The families, with None for cells that are undecidable because a run changed nothing."""
    return [None if p.idle else family for p, family in zip(pending, families, strict=True)]


def _explain(cell: MatrixCell, pending: Pending[MatrixCell], tests: int) -> MatrixCell:
    """An undecided cell with the reason, and with the data that would decide it."""
    reason: Reason | None = (
        "a run changed nothing"
        if pending.idle
        else "too few terms"
        if too_few(cell.clusters)
        else "one seed"
        if cell.seeds == 1
        else pending.obstacle
    )
    if reason:
        return replace(cell, reason=reason)
    return replace(
        cell,
        reason="no bias shown before" if pending.unbiased else None,
        data_needed=data_needed(pending.changes, tests),
        seeds_needed=seeds_needed(pending.changes, tests, cell.seeds),
    )
