"""The records of a leaderboard: one for each run, and one for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from fairforget.comparison.score_change import Score, Verdict
from fairforget.experiments.runs import Failure
from fairforget.frames import TabularResult
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED
from fairforget.methods.method import ChangeKind
from fairforget.records.environment import Environment
from fairforget.records.records import VERSION, BudgetFacts, ModelFacts
from fairforget.records.schema import Settings


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One method on one model with one seed; the evaluations are in the same directory."""

    model: ModelFacts
    """The original model."""
    method: str
    seed: int
    ratios: dict[str, float]
    """Perplexity ratios on held-out texts of the result at full strength, after ÷ before."""
    equal: BudgetFacts | None
    """The interpolation to the budget; None if no weights change."""
    seconds: float
    """Wall-clock time to apply the method."""
    peak_memory: int | None
    """Bytes while the method was applied, including the model."""
    slowdown: float
    """Time to score a text with the method ÷ without it."""
    environment: Environment
    kind: Literal["leaderboard run"] = "leaderboard run"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one model, with one seed, at one cost."""

    model: str
    method: str
    seed: int
    cost: str
    """`published`, or `equal`."""
    alpha: float
    """Interpolation factor: 1 for the result at full strength."""
    note: str
    """Note of the interpolation, such as "not used up"."""
    ratios: Annotated[dict[str, float], Field(min_length=1)]
    """Perplexity ratios on held-out texts, after ÷ before."""
    seconds: float
    peak_memory: int | None
    slowdown: float
    scores: dict[str, dict[str, Score]]
    """Benchmark → domain → score. Further scores of a benchmark have keys such as
    `stereoset/contribution`."""
    movement: float | None = None
    """KL divergence from the original model, in nats per token: the larger mean of the two kinds of
    held-out text, on a few texts; None if it was not measured."""


@dataclass(frozen=True, slots=True)
class MethodEffect:
    """The effect of a method on one score in one domain, as the mean over its seeds."""

    model: str
    method: str
    cost: str
    benchmark: str
    measure: str
    domain: str
    seeds: int
    before: Score
    after: Score
    change: Score
    """Change of the score; the interval covers items and, with several seeds, seeds."""
    distance: Score | None
    """Change of the distance from the value without bias; None if the score is not of bias."""
    p: float
    p_adjusted: float
    """Holm-corrected within this model, cost and score: over the methods for all domains together,
    over methods and domains for single domains. 1 if there are too few clusters for a verdict."""
    verdict: Verdict | None
    """Whether bias became less or more; None for other scores, and with too few clusters."""
    clusters: int | None = None
    """Independent units with an item that counts in the score; None in older records."""


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """Facts about a method; the fields are those of `fairforget.methods.method.Method`."""

    paper: str
    summary: str
    change: ChangeKind
    is_control: bool


@dataclass(frozen=True, repr=False)
class LeaderboardRecord(TabularResult):
    """A comparison of debiasing methods; printing it shows the tables of the command.

    Its DataFrame has one row per effect.
    """

    models: dict[str, ModelFacts]
    settings: Settings
    methods: dict[str, MethodFacts]
    rows: list[Row]
    effects: list[MethodEffect]
    failed: list[Failure]
    environment: Environment
    kind: Literal["leaderboard"] = "leaderboard"
    version: int = VERSION

    def __post_init__(self) -> None:
        parts: dict[str, Sequence[Row | MethodEffect]] = {
            "rows": self.rows,
            "effects": self.effects,
        }
        known = {ORIGINAL, *self.methods}
        for name, entries in parts.items():
            for number, entry in enumerate(entries):
                place = f"{name}.{number}"
                if entry.method not in known:
                    raise ValueError(f"{place}.method: {entry.method!r} is not listed in methods")
                if entry.cost not in (PUBLISHED, EQUAL):
                    raise ValueError(f"{place}.cost: {entry.cost!r} is not {PUBLISHED} or {EQUAL}")

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "model": effect.model,
                "method": effect.method,
                "cost": effect.cost,
                "benchmark": effect.benchmark,
                "measure": effect.measure,
                "domain": effect.domain,
                "before": effect.before.value,
                "after": effect.after.value,
                "change": effect.change.value,
                "change_ci": effect.change.ci,
                "bias_change": effect.distance.value if effect.distance else None,
                "bias_change_ci": effect.distance.ci if effect.distance else None,
                "seeds": effect.seeds,
                "p_adjusted": effect.p_adjusted,
                "verdict": effect.verdict,
            }
            for effect in self.effects
        ]

    def _show(self) -> None:
        from fairforget.leaderboards.terminal import show_leaderboard

        show_leaderboard(self)
