"""The verdicts of a transfer study in words."""

from __future__ import annotations

from fairforget.benchmarks.measures import measure_of
from fairforget.report.wording import NONE
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import Effect, MatrixCell, Omnibus

SUPPORTED = "fell by more than with every control"
CONTRADICTED = "rose, or fell less than with a control"
"""The verdicts of a cell with controls."""
MARGIN_NOTE = (
    "No more than a margin: a fall of the margin or more is ruled out. If a control is named, this "
    "holds only beyond that control; the fall alone may be larger."
)
"""Note below a table with `verdict_text`."""


def verdict_text(cell: MatrixCell | Omnibus) -> str:
    """The verdict in a table: "no more than 1 beyond matched"."""
    if cell.verdict == "supported":
        return SUPPORTED if decisive_excess(cell) else "fell"
    if cell.verdict == "contradicted":
        return CONTRADICTED if decisive_excess(cell) else "rose"
    if cell.verdict == "no more than margin":
        control = margin_control(cell)
        return f"no more than {cell.margin:g}" + (f" beyond {control}" if control else "")
    return cell.verdict or NONE


def describe_verdict(cell: MatrixCell | Omnibus) -> str:
    """The verdict in a sentence: "a fall of 1 point or more is ruled out"."""
    if cell.verdict == "no more than margin":
        return f"a fall of {describe_margin(cell)} is ruled out"
    if cell.verdict in ("supported", "contradicted"):
        return f"bias {verdict_text(cell)}"
    return verdict_text(cell)


def describe_margin(cell: MatrixCell | Omnibus) -> str:
    """The fall that is ruled out: "1 point or more beyond the control matched"."""
    control = margin_control(cell)
    beyond = f" beyond the control {control}" if control else ""
    return f"{margin_text(cell)} or more{beyond}"


def margin_text(cell: MatrixCell | Omnibus) -> str:
    """The equivalence margin with its unit: "1 point", "0.05 MADs"."""
    shown = measure_of(cell.measure)
    unit = "point" if shown.in_points and cell.margin == 1 else shown.unit
    return f"{cell.margin:g} {unit}"


def margin_control(cell: MatrixCell | Omnibus) -> str | None:
    """The control beyond which a fall of the margin is ruled out; None for the fall alone.

    One effect is enough for this verdict: the change in bias, or its excess over a control. If
    several rule it out, this is the change in bias, or else the control with the largest distance
    of the margin from the lower bound, relative to the width of the interval.
    """
    if cell.bias.ci and cell.bias.ci[0] > -cell.margin:
        return None
    distances = {
        name: (effect.value + cell.margin) / (effect.value - effect.ci[0])
        for name, effect in decisive_excess(cell).items()
        if effect.ci and effect.ci[0] < effect.value
    }
    return max(distances, key=distances.__getitem__, default=None)


def decisive_excess(cell: MatrixCell | Omnibus) -> dict[str, Effect]:
    """Control that verdicts depend on → excess over it."""
    return {name: effect for name, effect in cell.excess.items() if lacks_cause(name)}
