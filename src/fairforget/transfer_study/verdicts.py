"""The verdict on a cell: does forgetting lower bias here, by more than every control?

One test for each cell, of all its parts at once: the change of bias, and what is left of it after
each control that lacks the cause. Bias fell, and fell more than with every control, is the
intersection of claims that must each hold, so its p-value is the largest of theirs (Berger 1982).
Bias rose, or fell less than with a control, needs one of them, so the smallest counts, times the
number of parts (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fairforget.statistics import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.estimate import Estimate
from fairforget.transfer_study.families import cell_family, of_control
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import ClaimVerdict, Effect, MatrixCell, Reason, too_few
from fairforget.transfer_study.required_data import data_needed, seeds_needed


@dataclass(frozen=True, slots=True)
class PendingCell:
    """A cell whose p-values are not corrected yet, and what its verdict depends on besides."""

    cell: MatrixCell
    parts: tuple[Estimate, ...]
    """Of `bias`, and of each excess that the verdict depends on."""
    hindered: Reason | None
    """Why nothing can be supported, whatever the effects: what is wrong with a control."""
    unbiased: bool
    """Whether the original may have had no bias in this domain."""


def judge_cells(waiting: Sequence[PendingCell]) -> list[MatrixCell]:
    """The cells with corrected p-values, and those of forgettings with their verdicts."""
    families = [cell_family(w.cell) for w in waiting]
    claims = [raw_verdict(w.cell, hindered=w.hindered is not None) for w in waiting]
    each = list(enumerate(zip(waiting, families, strict=True)))
    deltas = adjust_holm({n: (family, w.cell.delta.p) for n, (w, family) in each})
    biases = adjust_holm({n: (family, w.cell.bias.p) for n, (w, family) in each})
    excesses = adjust_holm(
        {
            (n, control): (of_control(family, control), effect.p)
            for n, (w, family) in each
            for control, effect in w.cell.excess.items()
        }
    )
    verdicts = adjust_holm({n: (family, claims[n][1]) for n, (_, family) in each})
    found = []
    for n, (w, family) in each:
        cell = replace(
            w.cell,
            delta=replace(w.cell.delta, p_adjusted=deltas[n]),
            bias=replace(w.cell.bias, p_adjusted=biases[n]),
            excess={
                control: replace(effect, p_adjusted=excesses[n, control])
                for control, effect in w.cell.excess.items()
            },
        )
        if cell.control is None:
            cell = replace(
                cell,
                verdict=claims[n][0] if verdicts[n] < SIGNIFICANT else "undecided",
                p_verdict=None if family is None else verdicts[n],
            )
        if cell.verdict == "undecided":
            cell = _explained(cell, w, families.count(family))
        found.append(cell)
    return found


def raw_verdict(cell: MatrixCell, *, hindered: bool = False) -> tuple[ClaimVerdict, float]:
    """Where a cell's effects point, and the p-value of saying so, not corrected for other cells.

    Args:
        cell: of a forgetting.
        hindered: whether a control is not as it must be: then nothing can be supported.
    """
    parts = [cell.bias, *(effect for name, effect in cell.excess.items() if lacks_cause(name))]
    rising = [effect.p for effect in parts if effect.value > 0]
    if rising:
        return "contradicted", min(1.0, min(rising) * len(parts))
    if hindered or not all(effect.value < 0 for effect in parts):
        return "undecided", 1.0
    return "supported", max(effect.p for effect in parts)


def rose(effect: Effect) -> bool:
    """Whether it is above 0, decidedly."""
    return effect.value > 0 and effect.p_adjusted < SIGNIFICANT


def _explained(cell: MatrixCell, waiting: PendingCell, tests: int) -> MatrixCell:
    """An undecided cell with the reason, and with what would decide it."""
    reason: Reason | None = (
        "too few terms"
        if too_few(cell.clusters)
        else "one seed"
        if cell.seeds == 1
        else waiting.hindered
    )
    if reason:
        return replace(cell, reason=reason)
    return replace(
        cell,
        reason="no bias shown before" if waiting.unbiased else None,
        data_needed=data_needed(waiting.parts, tests),
        seeds_needed=seeds_needed(waiting.parts, tests, cell.seeds),
    )
