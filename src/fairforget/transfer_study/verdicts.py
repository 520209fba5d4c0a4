"""The verdict on a cell: does unlearning lower bias here, by more than every control?

Each cell has one test of all its effects at once: the change of bias, and its excess over each
control without the suspected cause. "Bias fell, and fell more than with every control" is an
intersection of claims, so its p-value is the largest of theirs (intersection-union test, Berger
1982). "Bias rose, or fell less than with a control" needs one claim, so its p-value is the smallest
of theirs times their number (Bonferroni).

p-values are Holm-corrected within families. Unlearned corpora and controls are separate families,
because only the former answer the study's question. So are single domains and the score over all
items, which repeats them. Each benchmark has its own families. Cells that cannot be decided (too
few clusters, or one seed) belong to no family: they would cost the others power.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from fairforget.benchmarks.measurement import ALL
from fairforget.statistics import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.estimate import Estimate
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import (
    ClaimVerdict,
    Effect,
    MatrixCell,
    MatrixRow,
    Reason,
    too_few,
)
from fairforget.transfer_study.required_data import data_needed, seeds_needed

Family = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class PendingCell:
    """A cell before the correction of its p-values, and what else its verdict depends on."""

    cell: MatrixCell
    estimates: tuple[Estimate, ...]
    """`bias`, and each excess that the verdict depends on."""
    obstacle: Reason | None
    """What is wrong with a control, so that the claim cannot be supported whatever the effects."""
    unbiased: bool
    """Whether the original model may have no bias in this domain."""


def cell_family(cell: MatrixCell) -> Family | None:
    """The family of a cell; None if it has too few clusters or one seed."""
    if too_few(cell.clusters) or cell.seeds == 1:
        return None
    return cell.benchmark, cell.control is None, cell.domain == ALL


def row_family(row: MatrixRow, clusters: int | None) -> Family | None:
    """The family of a row's mean over domains that have `clusters` clusters; None as for a cell."""
    if too_few(clusters) or row.seeds == 1:
        return None
    return row.benchmark, row.control is None


def control_family(family: Family | None, control: str) -> Family | None:
    """The family of the excesses over a control: each control is a separate question."""
    return None if family is None else (*family, control)


def judge_cells(pending: Sequence[PendingCell]) -> list[MatrixCell]:
    """The cells with corrected p-values and, unless they are of a control, with their verdicts."""
    families = [cell_family(p.cell) for p in pending]
    claims = [raw_verdict(p.cell, obstacle=p.obstacle is not None) for p in pending]
    numbered = list(enumerate(zip(pending, families, strict=True)))
    deltas = adjust_holm({n: (family, p.cell.delta.p) for n, (p, family) in numbered})
    biases = adjust_holm({n: (family, p.cell.bias.p) for n, (p, family) in numbered})
    excesses = adjust_holm(
        {
            (n, control): (control_family(family, control), effect.p)
            for n, (p, family) in numbered
            for control, effect in p.cell.excess.items()
        }
    )
    verdicts = adjust_holm({n: (family, claims[n][1]) for n, (_, family) in numbered})
    cells = []
    for n, (p, family) in numbered:
        cell = replace(
            p.cell,
            delta=replace(p.cell.delta, p_adjusted=deltas[n]),
            bias=replace(p.cell.bias, p_adjusted=biases[n]),
            excess={
                control: replace(effect, p_adjusted=excesses[n, control])
                for control, effect in p.cell.excess.items()
            },
        )
        if cell.control is None:
            cell = replace(
                cell,
                verdict=claims[n][0] if verdicts[n] < SIGNIFICANT else "undecided",
                p_verdict=None if family is None else verdicts[n],
            )
        if cell.verdict == "undecided":
            cell = _explain(cell, p, families.count(family))
        cells.append(cell)
    return cells


def raw_verdict(cell: MatrixCell, *, obstacle: bool = False) -> tuple[ClaimVerdict, float]:
    """The direction of a cell's effects, and its p-value before correction for other cells.

    Args:
        cell: not of a control.
        obstacle: whether something is wrong with a control, so that nothing can be supported.
    """
    effects = [cell.bias, *(effect for name, effect in cell.excess.items() if lacks_cause(name))]
    rising = [effect.p for effect in effects if effect.value > 0]
    if rising:
        return "contradicted", min(1.0, min(rising) * len(effects))
    if obstacle or not all(effect.value < 0 for effect in effects):
        return "undecided", 1.0
    return "supported", max(effect.p for effect in effects)


def rose(effect: Effect) -> bool:
    """Whether an effect is significantly above 0."""
    return effect.value > 0 and effect.p_adjusted < SIGNIFICANT


def _explain(cell: MatrixCell, pending: PendingCell, tests: int) -> MatrixCell:
    """An undecided cell with the reason, and with the data that would decide it."""
    reason: Reason | None = (
        "too few terms"
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
        data_needed=data_needed(pending.estimates, tests),
        seeds_needed=seeds_needed(pending.estimates, tests, cell.seeds),
    )
