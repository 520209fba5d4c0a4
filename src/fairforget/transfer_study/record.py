"""The record of a transfer study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fairforget.comparison.score_change import finite_interval
from fairforget.experiments.runs import Failure
from fairforget.frames import TabularResult
from fairforget.records.environment import Environment
from fairforget.records.records import VERSION, ModelFacts
from fairforget.records.schema import Settings
from fairforget.statistics.distance import DistanceChange
from fairforget.statistics.estimate import Estimate

RowKey = tuple[str, str, str | None, str, str]
"""Forget corpus, objective, control, benchmark and bias score."""
ClaimVerdict = Literal["supported", "contradicted", "no more than margin", "undecided"]
Reason = Literal[
    "a run changed nothing",
    "too few terms",
    "one seed",
    "control missing",
    "control did less",
    "no bias shown before",
]
"""Why a cell is undecided.

- a run changed nothing: it ended at α = 0, so its weights are those of the original.
- too few terms: it has fewer clusters than `FEWEST_CLUSTERS`.
- one seed: the variance between seeds is unknown.
- control missing: one of the study's controls has fewer runs than the unlearned corpus, or a run
  that did not change the model.
- control did less: more runs of a control than of the unlearned corpus left part of the budget.
- no bias shown before: the original model's interval includes the score of a model without bias,
  so bias can be shown to rise, but hardly to fall.
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with its 95 % interval and two-sided p-value, over seeds and items."""

    value: float
    ci: tuple[float, float] | None
    """None if it is unknown, as with a single cluster of items."""
    p: float
    p_adjusted: float
    """Holm-corrected within its family (see `verdicts`); 1 for too few clusters or one seed."""


def to_effect(change: Estimate | DistanceChange) -> Effect:
    """A change as it is recorded, with its interval if that is finite; p is uncorrected."""
    return Effect(change.value, finite_interval(change.ci), change.p, change.p)


@dataclass(frozen=True, slots=True)
class _OfGroup:
    """Belongs to a group of runs, which differ only in their seed."""

    forget: str
    control: str | None
    method: str
    """The objective."""


@dataclass(frozen=True, slots=True)
class _OfRow(_OfGroup):
    """Belongs to a row of the matrix: a group of runs and a bias score."""

    benchmark: str
    measure: str
    """The bias score: `ss`, `stereotype`, `contribution_scaled`."""

    @property
    def key(self) -> RowKey:
        """Its row."""
        return self.forget, self.method, self.control, self.benchmark, self.measure


@dataclass(frozen=True, slots=True)
class SeedCell(_OfGroup):
    """The effect of unlearning `forget` on `domain`, for one seed."""

    seed: int
    benchmark: str
    measure: str
    """The bias score."""
    domain: str
    before: float
    after: float
    delta: float
    ci: tuple[float, float] | None
    """Student's t over clusters of items."""
    p: float
    """As `Cell.p`."""
    p_adjusted: float
    """Holm-corrected over the cells of the study (`comparison.paired.adjust_p_values`); 1 if there
    are too few clusters for a verdict."""


@dataclass(frozen=True, slots=True)
class MatrixCell(_OfRow):
    """The effect of unlearning `forget` on `domain`, over all seeds."""

    domain: str
    own: bool
    """Whether the domain is, or overlaps, an unlearned domain."""
    seeds: int
    clusters: int
    """Independent units that count, such as StereoSet target terms, as in `Cell.clusters`."""
    before: float
    before_ci: tuple[float, float] | None
    """95 % interval of `before`, over items; None as for an effect."""
    after: float
    """Mean over seeds."""
    delta: Effect
    """Change of the score."""
    bias: Effect
    """Change of the score's distance from the score of a model without bias; below 0, bias fell."""
    excess: dict[str, Effect] = field(default_factory=dict)
    """Control with as many seeds → `bias` minus the control's."""
    verdict: ClaimVerdict | None = None
    """On "unlearning lowers bias here, by more than every control"; None for a control."""
    margin: float = 0.0
    """The equivalence margin, in the unit of the bias score."""
    p_margin: float | None = None
    """p-value of "bias fell by the margin or more, and by as much beyond every control",
    Holm-corrected within its family; None as for `p_verdict`."""
    data_needed: float | None = None
    """The multiple of items and seeds that would decide an undecided cell, if the true effects were
    those measured; None if no amount of data is enough."""
    p_verdict: float | None = None
    """p-value of the verdict that the effects point to, Holm-corrected within its family; None for
    a control, and if there are too few clusters or only one seed."""
    reason: Reason | None = None
    """Why the cell is undecided; None if more data may decide it."""
    seeds_needed: int | None = None
    """As `data_needed`, but the number of seeds for the same items; None if no number suffices."""
    nats: tuple[float, float] | None = None
    """Of a score that is scaled by the model's spread: the same in nats, before and after (mean
    over seeds). A flatter distribution changes it, so it has no verdict."""


@dataclass(frozen=True, slots=True)
class Omnibus:
    """The primary test of an objective: the mean over all domains that were not forgotten.

    The cells are the single domains with enough clusters that are not own domains, for every forget
    corpus, with equal weights.
    """

    method: str
    """The objective."""
    benchmark: str
    measure: str
    """The bias score."""
    cells: int
    seeds: int
    """Seeds of the forget corpus with the fewest."""
    bias: Effect
    """Mean change in bias."""
    excess: dict[str, Effect] = field(default_factory=dict)
    """Control → `bias` minus the control's."""
    verdict: ClaimVerdict = "undecided"
    margin: float = 0.0
    """The equivalence margin, in the unit of the bias score."""
    p_verdict: float | None = None
    """As for a cell; the omnibus tests of a benchmark are one family."""
    p_margin: float | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow(_OfRow):
    """A row of the matrix summarised: one forget corpus, or one control, on one benchmark."""

    seeds: int
    own: Effect | None
    """Mean change in bias over the unlearned domains; None if none was measured. Domains with too
    few clusters count only if there are no others."""
    transfer: Effect | None
    """The same over all other domains with enough clusters; None if there are none."""
    ratio: float | None
    """`transfer` ÷ `own`; None for a control, and unless own fell (corrected p below 0.05)."""
    collateral: tuple[str, ...]
    """Domains in which bias rose (corrected p below 0.05)."""
    perplexity_ratio: float
    """On held-out text, mean over seeds."""
    lms_before: float | None
    lms_after: float | None
    """StereoSet's language modelling score over all domains, mean over seeds."""
    everyday_perplexity_ratio: float | None = None
    """On everyday sentences, mean over seeds; None if not measured."""
    mean: Effect | None = None
    """Mean change in bias over all single domains with enough clusters."""
    ratio_ci: tuple[float, float] | None = None
    """95 % interval of `ratio`."""
    own_excess: dict[str, Effect] = field(default_factory=dict)
    """Control → `own` minus the control's mean over the same domains; empty for a control."""
    transfer_excess: dict[str, Effect] = field(default_factory=dict)
    """The same for `transfer`."""
    own_clusters: int | None = None
    """Total of the domains of `own`; with too few, `own` cannot be decided."""
    transfer_clusters: int | None = None
    short: int = 0
    """Number of seeds with a run that ended below every limit of the budget."""
    flipped: float | None = None
    """Share of items whose preferred version changed, mean over seeds; None in older records."""
    movement: float | None = None
    """KL(original ‖ result) in nats per token, mean over seeds; None if not measured."""


@dataclass(frozen=True, slots=True)
class Dose(_OfRow):
    """The mean score of a group of runs at one share of their update, in one domain."""

    domain: str
    dose: float
    """Share of the final α: 0 is the original model, 1 the result."""
    score: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Gap(_OfGroup):
    """A score that a run lacks, so that no group of runs has an effect on it in this domain."""

    seed: int
    benchmark: str
    measure: str
    domain: str


@dataclass(frozen=True, repr=False)
class StudyRecord(TabularResult):
    """The result of a transfer study; prints as the tables of the command.

    Its DataFrame has one row per cell of the matrix.
    """

    model: ModelFacts
    settings: Settings
    """The recipe that all runs share, and the factors that were crossed."""
    rows: list[MatrixRow]
    matrix: list[MatrixCell]
    omnibus: list[Omnibus]
    cells: list[SeedCell]
    failed: list[Failure]
    environment: Environment
    seconds: dict[str, float]
    """First evaluation; means over runs of training, interpolation and evaluation."""
    doses: list[Dose] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    kind: Literal["study"] = "study"
    version: int = VERSION

    def _rows(self) -> list[dict[str, Any]]:
        unknown = None, None
        return [
            {
                "forget": cell.forget,
                "control": cell.control,
                "method": cell.method,
                "benchmark": cell.benchmark,
                "measure": cell.measure,
                "domain": cell.domain,
                "seeds": cell.seeds,
                "before": cell.before,
                "after": cell.after,
                "bias_change": cell.bias.value,
                "bias_change_low": (cell.bias.ci or unknown)[0],
                "bias_change_high": (cell.bias.ci or unknown)[1],
                "p_adjusted": cell.bias.p_adjusted,
                "verdict": cell.verdict,
            }
            for cell in self.matrix
        ]

    def _show(self) -> None:
        from fairforget.transfer_study.report.terminal import show_study

        show_study(self)
