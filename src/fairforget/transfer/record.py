"""The record of a transfer study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fairforget.records import VERSION, Environment, ModelFacts

STUDY = "study.json"

Verdict = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with its 95 % interval and two-sided p, seeds and items both sampled."""

    value: float
    ci: tuple[float, float]
    p: float
    p_adjusted: float
    """After Holm's correction for all effects of its kind in the study."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One seed: what forgetting `forget` did to `domain`."""

    forget: str
    control: str | None
    method: str
    """The objective."""
    seed: int
    benchmark: str
    domain: str
    before: float
    after: float
    delta: float
    ci: tuple[float, float] | None
    """Paired cluster bootstrap over items."""
    p: float
    """Exact McNemar test."""
    p_adjusted: float
    """After Holm's correction for all cells of the study."""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """All seeds together: what forgetting `forget` does to `domain`."""

    forget: str
    control: str | None
    method: str
    benchmark: str
    domain: str
    own: bool
    """Whether the domain is one that was forgotten."""
    seeds: int
    before: float
    after: float
    """Mean over seeds."""
    delta: Effect
    """Of the score."""
    bias: Effect
    """Of the score's distance from that of a model without bias; below 0, bias fell."""
    excess: dict[str, Effect] = field(default_factory=dict)
    """By control: `bias` minus the control's at the same budget; below 0, the forgetting did more
    than its control."""
    verdict: Verdict | None = None
    """On "forgetting lowers bias here, by more than every control"; None for a control itself."""
    data_needed: float | None = None
    """Undecided: by how many times more items and seeds the interval of `bias` would exclude 0,
    were the effect what was measured."""

    @property
    def row(self) -> tuple[str, str, str | None, str]:
        """What names its row of the matrix."""
        return self.forget, self.method, self.control, self.benchmark


def verdicts(cells: Iterable[MatrixCell]) -> dict[str, int]:
    """How many cells have each verdict."""
    counts = dict.fromkeys(get_args(Verdict), 0)
    for cell in cells:
        if cell.verdict:
            counts[cell.verdict] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Row:
    """One forgetting on one benchmark: the summary of a row of the matrix, and its damage."""

    forget: str
    control: str | None
    method: str
    benchmark: str
    own: Effect | None
    """Mean change of bias over the domains that were forgotten; None where none is measured."""
    transfer: Effect | None
    """Mean change of bias over all others."""
    ratio: float | None
    """transfer ÷ own; None where own is not decided."""
    collateral: tuple[str, ...]
    """Domains in which bias rose (corrected p below 0.05)."""
    perplexity_ratio: float
    """Mean over seeds, on held-out text."""
    lms_before: float | None
    lms_after: float | None
    """StereoSet's language modelling score over all domains, mean over seeds."""
    everyday_ratio: float | None = None
    """Of the perplexities on everyday sentences, mean over seeds; None where none were at hand."""

    @property
    def row(self) -> tuple[str, str, str | None, str]:
        """What names its row of the matrix."""
        return self.forget, self.method, self.control, self.benchmark


def row_name(part: Cell | MatrixCell | Row) -> str:
    """What a group of runs is called in tables and plots."""
    if part.control == "none":
        return "control: none"
    control = f" · control: {part.control}" if part.control else ""
    return f"{part.forget} · {part.method}{control}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that ended in an error."""

    run: str
    error: str


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A transfer study: its matrix, and what it is made of."""

    model: ModelFacts
    settings: dict[str, Any]
    """The recipe that all runs share, and what was crossed."""
    rows: list[Row]
    matrix: list[MatrixCell]
    cells: list[Cell]
    failed: list[Failure]
    environment: Environment
    seconds: dict[str, float]
    """Of the evaluation before, and the mean of the runs: training, landing, evaluation."""
    kind: Literal["study"] = "study"
    version: int = VERSION
