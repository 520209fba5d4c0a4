"""Records of evaluations and of unlearning runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fairforget.records.environment import Environment
from fairforget.records.schema import Method, Result

VERSION = 1
NOT_USED_UP = "not used up"
"""The note of a result for which every limit of the budget has slack."""
EXCEEDED = "rounding to the model's dtype exceeded the budget: "
"""How a note on a budget begins that the rounded weights exceed."""
LIMITED_BY_GUARD = "limited by the guard on "
"""Begins the note of a budget whose search a guard ended."""
NOTED = "; "
"""Separates the notes of a record."""
FACT_TEXTS, COUNTERFACTUAL_TEXTS = "built-in facts", "counterfactual texts"
"""Retain corpora that a run adds. The counterfactual texts are the forget texts with a neutral word
in place of the group."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model of a record."""

    source: str
    parameters: int | None
    """None for a served model."""
    dtype: str
    start_token: str
    weights: str = ""
    """SHA-256 digest of some weights of every tensor; empty in older records."""
    revision: str = ""
    """Commit of a hub model."""
    server: str = ""
    """Address of the server of a served model."""


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation; `results` maps benchmarks to results in their own format."""

    model: ModelFacts
    results: dict[str, Result]
    environment: Environment
    seconds: dict[str, float]
    seed: int = 0
    command: dict[str, Any] = field(default_factory=dict)
    """Command and settings as typed, without the output; empty if Python code made the record."""
    kind: Literal["evaluation"] = "evaluation"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """A corpus of a run."""

    name: str
    role: Literal["forget", "retain", "held-out"]
    texts: int
    tokens: int
    """Target tokens of a forget corpus; all tokens of others, without start tokens."""
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class OverlapFacts:
    """Overlap between the forget corpora and a benchmark."""

    benchmark: str
    ngram: int
    """Number of consecutive words that must match."""
    items: int
    """Number of sentences of the benchmark."""
    shared: int
    """Number of sentences with an n-gram of the corpus, and of shorter ones that are a text of
    it."""
    share: float
    """`shared` ÷ `items`."""


MAIN = "perplexity"
"""Name of the constraint on the perplexity on held-out retain text."""


@dataclass(frozen=True, slots=True)
class UtilityFacts:
    """A utility loss: the ratio of perplexities after ÷ before."""

    asked: float
    """Allowed ratio."""
    reached: float
    """Ratio of the result."""
    before: float
    """Perplexity of the original model."""
    trained: float
    """Ratio of the trained weights (α = 1), measured on a few texts if the result has another α."""


@dataclass(frozen=True, slots=True)
class MovementFacts:
    """Mean KL(original ‖ result) per token on some texts, in nats."""

    asked: float | None
    """Largest allowed value; None if it was not bounded."""
    reached: float


@dataclass(frozen=True, slots=True)
class HarmfulWordFacts:
    """Log-probabilities of harmful words after group mentions, in nats per token.

    Means over built-in texts that no run trains on.
    """

    asked: float
    """Largest allowed change."""
    before: float
    after: float
    change: float
    """`after` − `before`."""
    added_before: float
    """What the group adds: log p with the group minus log p with a neutral word in its place."""
    added_after: float
    texts: int


@dataclass(frozen=True, slots=True)
class BudgetFacts(UtilityFacts):
    """Allowed and measured utility loss on held-out retain text, and on other texts."""

    alpha: float
    """Position of the result on the line from the original (0) to the trained weights (1)."""
    max_alpha: float = 1.0
    """Largest allowed α."""
    note: str = ""
    others: dict[str, UtilityFacts] = field(default_factory=dict)
    """Utility losses on other texts, by name."""
    movement: float | None = None
    """Mean KL(original ‖ result) per token, in nats, on some of the held-out texts; None in older
    records, and if the model's head cannot run apart from its body."""
    movement_asked: float | None = None
    """The movement that the result was interpolated to, instead of the budget."""
    movements: dict[str, MovementFacts] = field(default_factory=dict)
    """The movement by kind of text: `retain`, `everyday`."""
    harmful_words: HarmfulWordFacts | None = None
    """None if their change was not bounded."""

    @property
    def is_used_up(self) -> bool:
        """Whether the result meets a limit of the budget."""
        return NOT_USED_UP not in self.note.split(NOTED)

    @property
    def is_exceeded(self) -> bool:
        """Whether the result lies beyond a limit, because its weights were rounded."""
        return any(part.startswith(EXCEEDED) for part in self.note.split(NOTED))

    @property
    def is_limited_by_guard(self) -> bool:
        """Whether a guard, such as the one on harmful words, ended the interpolation."""
        return LIMITED_BY_GUARD in self.note

    @property
    def perplexities(self) -> dict[str, UtilityFacts]:
        """The perplexity on held-out retain text and those on other texts, by constraint."""
        return {MAIN: self, **self.others}

    @property
    def reached_ratios(self) -> dict[str, float]:
        """The perplexity ratios of the result, after ÷ before, by constraint."""
        return {name: facts.reached for name, facts in self.perplexities.items()}


@dataclass(frozen=True, slots=True)
class UnlearningRecord:
    """An unlearning run."""

    model: ModelFacts
    method: Method
    """Configuration: objective, selection, retain loss, seed, steps, learning rate, …; also
    `steps_done` if training stopped early."""
    corpora: list[CorpusFacts]
    budget: BudgetFacts
    history: list[dict[str, float]]
    """One row per logged step."""
    environment: Environment
    seconds: dict[str, float] = field(default_factory=dict)
    overlap: list[OverlapFacts] = field(default_factory=list)
    """One entry per benchmark whose sentences were on the machine."""
    data: str = ""
    """SHA-256 digest of the forget and retain token ids, in order, and of the masks of targets and
    answers."""
    command: dict[str, Any] = field(default_factory=dict)
    """As in an evaluation."""
    kind: Literal["unlearning"] = "unlearning"
    version: int = VERSION

    @property
    def forget(self) -> list[CorpusFacts]:
        """The forget corpora."""
        return [corpus for corpus in self.corpora if corpus.role == "forget"]
