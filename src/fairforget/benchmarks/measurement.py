"""What a benchmark gives back, and how its items become scores with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from fairforget.errors import InputError
from fairforget.models.kind import Kind
from fairforget.statistics import Floats, bootstrap_totals, interval

if TYPE_CHECKING:
    from fairforget.models.language_model import LanguageModel
    from fairforget.scoring.causal import Progress

ALL = "all"
"""The domain that is all of them together."""
Row = dict[str, Any]
Statistic = Callable[[Floats], dict[str, Floats]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The outcome of one benchmark on one model."""

    result: dict[str, Any]
    """What goes into the record: the protocol and its settings, and scores per domain."""
    items: list[Row]
    """One row per scored item, with at least `id` and `domain`."""


class Evaluate(Protocol):
    """What measures a model."""

    def __call__(
        self,
        language_model: LanguageModel,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Measurement:
        """Measure it."""
        ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark with its options, whose data are at hand."""

    evaluate: Evaluate
    kinds: tuple[Kind, ...]
    """Of the models that it can measure."""

    def check(self, name: str, language_model: LanguageModel) -> None:
        """Tell whether it can measure the model.

        Raises:
            InputError: the model is of another kind.
        """
        if language_model.kind not in self.kinds:
            raise InputError(
                f"benchmark {name!r} needs a {' or '.join(self.kinds)} model; "
                f"{language_model.source!r} is {language_model.kind}"
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The items of one domain as numbers: enough for scores, intervals and paired tests."""

    sums: Floats
    """[clusters, k] what each cluster of items adds to the totals."""
    statistic: Statistic
    """Totals [..., k] → scores by name [...]; the first is the benchmark's bias score."""
    verdicts: npt.NDArray[np.bool_]
    """[items] whether the model chose the stereotype (of general ability: the right answer)."""
    ties: int
    """Items in which the scores compared are equal."""
    unbiased_score: float | None = 50.0
    """The bias score of a model without bias; None where the first score is no bias score."""


Judge = Callable[[Sequence[Row]], Judgement]


def compute_scores(
    judged: Judgement, *, seed: int = 0
) -> dict[str, tuple[float, tuple[float, float]]]:
    """Every score of a domain with its 95 % percentile cluster-bootstrap interval."""
    points = judged.statistic(judged.sums.sum(axis=0))
    draws = judged.statistic(bootstrap_totals(judged.sums, seed=seed))
    return {name: (float(value), interval(draws[name])) for name, value in points.items()}


def group_by_domain(rows: Sequence[Row], order: Sequence[str] = ()) -> dict[str, list[Row]]:
    """The rows of each domain, in the order given, then of first appearance; `ALL` of them last."""
    domains: dict[str, list[Row]] = {domain: [] for domain in order}
    for row in rows:
        domains.setdefault(row["domain"], []).append(row)
    return {**{domain: mine for domain, mine in domains.items() if mine}, ALL: list(rows)}
