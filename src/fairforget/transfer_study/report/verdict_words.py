"""The verdicts of a transfer study in words."""

from __future__ import annotations

from fairforget.benchmarks.measures import measure_of
from fairforget.report.wording import NONE
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import Effect, MatrixCell, Omnibus

SUPPORTED = "fell by more than with every valid control"
CONTRADICTED = "rose, or fell less than with a valid control"
"""The verdicts of a cell with controls. A control is valid if it lacks the presumed cause."""
MARGIN_NOTE = (
    "Beyond a control: the change minus the control’s. “A fall of X or more is ruled out”: bias "
    "fell by less than X, if at all; “beyond” a control: only a fall that exceeds the control’s by "
    "X or more is ruled out. If there is no control, the 95 % interval may "
    "still include a fall of X, because the test is one-sided."
)
"""Note below a table with `verdict_text`."""


def verdict_text(cell: MatrixCell | Omnibus) -> str:
    """The verdict in a table: "a fall of 1 or more beyond matched is ruled out"."""
    if cell.verdict == "supported":
        return SUPPORTED if decisive_excess(cell) else "fell"
    if cell.verdict == "contradicted":
        return CONTRADICTED if decisive_excess(cell) else "rose"
    if cell.verdict == "no more than margin":
        control = margin_control(cell)
        beyond = f" beyond {control}" if control else ""
        return f"a fall of {cell.margin:g} or more{beyond} is ruled out"
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


def verdict_p(cell: MatrixCell | Omnibus) -> float | None:
    """The corrected p-value of the verdict."""
    return cell.p_margin if cell.verdict == "no more than margin" else cell.p_verdict


def margin_control(cell: MatrixCell | Omnibus) -> str | None:
    """The control beyond which a fall of the margin is ruled out; None for the fall alone.

    One effect is enough for this verdict: of the change in bias and its excess over each control,
    the one in which the margin is farthest from the value, relative to the width of the interval.
    If the verdict was reached, this interval excludes the margin; without an excess, only the 90 %
    interval does, because the test is one-sided. The p-value of the verdict may be that of another
    effect, if the two differ in their degrees of freedom.
    """
    effects: list[tuple[str | None, Effect]] = [(None, cell.bias), *decisive_excess(cell).items()]
    distances = {
        name: (effect.value + cell.margin) / (effect.value - effect.ci[0])
        for name, effect in effects
        if effect.ci and effect.ci[0] < effect.value
    }
    return max(distances, key=distances.__getitem__, default=None)


def decisive_excess(cell: MatrixCell | Omnibus) -> dict[str, Effect]:
    """Control that verdicts depend on → excess over it."""
    return {name: effect for name, effect in cell.excess.items() if lacks_cause(name, cell.method)}
