"""The records that runs leave behind: frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fairforget.records.environment import Environment
from fairforget.records.schema import Method, Result

VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model a record is about."""

    source: str
    parameters: int
    dtype: str
    start_token: str
    weights: str = ""
    """sha256 of some weights of every tensor; empty in records from before it was written."""
    revision: str = ""
    """The commit, of a model of the hub."""


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation: `results` has one entry per benchmark, as the benchmark defines it."""

    model: ModelFacts
    results: dict[str, Result]
    environment: Environment
    seconds: dict[str, float]
    seed: int = 0
    command: dict[str, Any] = field(default_factory=dict)
    """The command that made it and its settings, but for places; empty if no command did."""
    kind: Literal["evaluation"] = "evaluation"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """A corpus as it was used."""

    name: str
    role: Literal["forget", "retain", "held-out"]
    texts: int
    tokens: int
    """Target tokens of a forget corpus; all tokens of the others, without start tokens."""
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class OverlapFacts:
    """Text that the forget corpus and a benchmark have in common."""

    benchmark: str
    ngram: int
    """Words that must agree in a row."""
    items: int
    """Sentences of the benchmark."""
    shared: int
    """Those with an n-gram that is also in the corpus."""
    share: float
    """Shared ÷ items."""


@dataclass(frozen=True, slots=True)
class UtilityFacts:
    """One measure of harm to language modelling: a perplexity, after ÷ before."""

    asked: float
    """The ratio allowed."""
    reached: float
    """The ratio of the result."""
    before: float
    """Perplexity of the original model."""
    trained: float
    """The ratio of the weights as trained, at α = 1; on a few of the texts, unless the result lies
    there."""


@dataclass(frozen=True, slots=True)
class BudgetFacts(UtilityFacts):
    """What damage was allowed and what was done, on held-out retain text and on others."""

    alpha: float
    """Where on the line from the original (0) through the trained weights (1) the result lies."""
    max_alpha: float = 1.0
    """The largest α that was allowed."""
    note: str = ""
    others: dict[str, UtilityFacts] = field(default_factory=dict)
    """The same on other texts, by name."""


@dataclass(frozen=True, slots=True)
class UnlearningRecord:
    """An unlearning run."""

    model: ModelFacts
    method: Method
    """The configuration: objective, selection, retention, seed, steps, learning rate, …; and
    `steps_done`, where training was stopped before all of them."""
    corpora: list[CorpusFacts]
    budget: BudgetFacts
    history: list[dict[str, float]]
    """One row per logged step."""
    environment: Environment
    seconds: dict[str, float] = field(default_factory=dict)
    overlap: list[OverlapFacts] = field(default_factory=list)
    """With each benchmark whose sentences were on the machine."""
    data: str = ""
    """sha256 of the token ids that were forgotten and retained, in order."""
    command: dict[str, Any] = field(default_factory=dict)
    """As of an evaluation."""
    kind: Literal["unlearning"] = "unlearning"
    version: int = VERSION
