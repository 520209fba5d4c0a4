"""The record of a transfer study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from fairforget.frames import to_frame, to_html
from fairforget.records.environment import Environment
from fairforget.records.records import VERSION, ModelFacts
from fairforget.statistics import FEWEST_CLUSTERS

if TYPE_CHECKING:
    import pandas

ClaimVerdict = Literal["supported", "contradicted", "undecided"]
Reason = Literal[
    "too few terms", "one seed", "control missing", "control did less", "no bias shown before"
]
"""Why a cell cannot be decided as it is: fewer clusters than `FEWEST_CLUSTERS`; nothing is known of
what another seed would do; a control that was asked for has fewer runs that changed the model than
the forgetting has runs; more runs of a control than of the forgetting left some of the budget; the
original's interval holds the score of a model without bias, so that bias can be shown to rise, but
hardly to fall."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with its 95 % interval and two-sided p, seeds and items both as chance."""

    value: float
    ci: tuple[float, float]
    p: float
    p_adjusted: float
    """After Holm's correction for the effects of its kind in its family (`transfer.families`); 1
    where there are too few clusters or is one seed."""


@dataclass(frozen=True, slots=True)
class SeedCell:
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
    """Whether the domain is one that was forgotten, or has a part in one."""
    seeds: int
    clusters: int
    """What chance draws of its items: target terms of StereoSet, pairs of CrowS-Pairs, templates of
    BBQ."""
    before: float
    before_ci: tuple[float, float]
    """95 % interval of `before`, over items."""
    after: float
    """Mean over seeds."""
    delta: Effect
    """Of the score."""
    bias: Effect
    """Of the score's distance from that of a model without bias; below 0, bias fell."""
    excess: dict[str, Effect] = field(default_factory=dict)
    """By control with as many seeds: `bias` minus the control's; below 0, the forgetting did more
    than its control."""
    verdict: ClaimVerdict | None = None
    """On "forgetting lowers bias here, by more than every control"; None for a control itself."""
    data_needed: float | None = None
    """Undecided, and more data might help: how many times the items and seeds would decide the
    verdict, were all effects what was measured; None where no number would."""
    p_verdict: float | None = None
    """Of what the verdict says, or would say, after Holm's correction for the cells of its family;
    None for a control, and where there are too few clusters or is one seed."""
    reason: Reason | None = None
    """Why an undecided cell could not be decided; None where it is a matter of data alone."""
    seeds_needed: int | None = None
    """As `data_needed`, with the same items; None where no number of seeds would."""

    @property
    def key(self) -> tuple[str, str, str | None, str]:
        """What names its row of the matrix."""
        return self.forget, self.method, self.control, self.benchmark


def verdicts(cells: Iterable[MatrixCell]) -> dict[str, int]:
    """How many cells have each verdict."""
    counts = dict.fromkeys(get_args(ClaimVerdict), 0)
    for cell in cells:
        if cell.verdict:
            counts[cell.verdict] += 1
    return counts


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One forgetting on one benchmark: the summary of a row of the matrix, and its damage."""

    forget: str
    control: str | None
    method: str
    benchmark: str
    seeds: int
    own: Effect | None
    """Mean change of bias over the domains that were forgotten; None where none is measured.
    Domains with too few clusters count where there is no other."""
    transfer: Effect | None
    """Mean change of bias over all others that have enough clusters; None where none has."""
    ratio: float | None
    """`transfer` ÷ `own`: what went with it, for each point that was aimed at; None for a control,
    and where own did not fall (corrected p below 0.05)."""
    collateral: tuple[str, ...]
    """Domains in which bias rose (corrected p below 0.05)."""
    perplexity_ratio: float
    """Mean over seeds, on held-out text."""
    lms_before: float | None
    lms_after: float | None
    """StereoSet's language modelling score over all domains, mean over seeds."""
    everyday_perplexity_ratio: float | None = None
    """Of the perplexities on everyday sentences, mean over seeds; None where none were at hand."""
    mean: Effect | None = None
    """Mean change of bias over all single domains that have enough clusters."""
    ratio_ci: tuple[float, float] | None = None
    """95 % interval of `ratio`."""
    own_excess: dict[str, Effect] = field(default_factory=dict)
    """By control: `own` minus the control's mean over the same domains; none for a control."""
    transfer_excess: dict[str, Effect] = field(default_factory=dict)
    """The same of `transfer`."""
    own_clusters: int | None = None
    """Of the domains of `own` together; with too few, it is not decided."""
    transfer_clusters: int | None = None
    short: int = 0
    """Seeds whose run ended below every limit of the budget."""

    @property
    def key(self) -> tuple[str, str, str | None, str]:
        """What names its row of the matrix."""
        return self.forget, self.method, self.control, self.benchmark


def too_few(clusters: int | None) -> bool:
    """Whether nothing can be decided from so many; None is of no domain at all."""
    return clusters is not None and clusters < FEWEST_CLUSTERS


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that ended in an error."""

    run: str
    error: str


@dataclass(frozen=True)
class StudyRecord:
    """A transfer study; `str` gives the tables of the command."""

    model: ModelFacts
    settings: dict[str, Any]
    """The recipe that all runs share, and what was crossed."""
    rows: list[MatrixRow]
    matrix: list[MatrixCell]
    cells: list[SeedCell]
    failed: list[Failure]
    environment: Environment
    seconds: dict[str, float]
    """Of the evaluation before, and the mean of the runs: training, interpolation, evaluation."""
    kind: Literal["study"] = "study"
    version: int = VERSION

    def to_pandas(self) -> pandas.DataFrame:
        """Return one row per cell of the matrix.

        Raises:
            InputError: pandas is not installed.
        """
        return to_frame(self._cell_rows())

    def _cell_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "forget": cell.forget,
                "control": cell.control,
                "method": cell.method,
                "benchmark": cell.benchmark,
                "domain": cell.domain,
                "seeds": cell.seeds,
                "before": cell.before,
                "after": cell.after,
                "bias_change": cell.bias.value,
                "bias_change_low": cell.bias.ci[0],
                "bias_change_high": cell.bias.ci[1],
                "p_adjusted": cell.bias.p_adjusted,
                "verdict": cell.verdict,
            }
            for cell in self.matrix
        ]

    def __str__(self) -> str:
        from fairforget.terminal.tables import format_tables, show_study

        return format_tables(show_study, self)

    def _repr_html_(self) -> str:
        return to_html(self._cell_rows())
