"""Which tests of a study are corrected together.

Forgettings answer the study's question; controls are beside them, and the score over all items
repeats what the single domains say. So each of these is a family of its own, in each benchmark.
What cannot be decided, for it has too few clusters or one seed, is in none: it would take from the
others, and get nothing.
"""

from __future__ import annotations

from collections.abc import Hashable

from fairforget.benchmarks.measurement import ALL
from fairforget.transfer_study.record import MatrixCell, MatrixRow, too_few

Family = tuple[Hashable, ...]


def cell_family(cell: MatrixCell) -> Family | None:
    """That of a cell; None where it has too few clusters or one seed."""
    if too_few(cell.clusters) or cell.seeds == 1:
        return None
    return cell.benchmark, cell.control is None, cell.domain == ALL


def row_family(row: MatrixRow, clusters: int | None) -> Family | None:
    """That of a mean over domains of a row, which have so many clusters; None as for a cell."""
    if too_few(clusters) or row.seeds == 1:
        return None
    return row.benchmark, row.control is None


def of_control(family: Family | None, control: str) -> Family | None:
    """The family of what is left after a control: each control is a question of its own."""
    return None if family is None else (*family, control)
