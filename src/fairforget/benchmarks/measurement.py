"""The results of a benchmark, and how its items become scores with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from fairforget.benchmarks.measures import Measure, measure_of
from fairforget.errors import InputError
from fairforget.models import Kind
from fairforget.statistics.estimate import Estimate, over_items
from fairforget.statistics.jackknife import Floats, cluster_sums, leave_one_out

if TYPE_CHECKING:
    from fairforget.generation.engine import AnyModel
    from fairforget.models.language_model import LanguageModel
    from fairforget.scoring.progress import NotedProgress

ALL = "all"
"""Name of the domain that stands for all domains together."""
Row = dict[str, Any]
Statistic = Callable[[Floats], dict[str, Floats]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of one benchmark on one model."""

    result: dict[str, Any]
    """The protocol, its settings, and scores by domain, for the record."""
    items: list[Row]
    """One row per scored item, with at least `id` and `domain`."""


class Evaluate(Protocol):
    """A function that evaluates a model."""

    def __call__(
        self,
        language_model: LanguageModel,
        *,
        progress: NotedProgress | None = None,
    ) -> Measurement:
        """Evaluate the model."""
        ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark with its options; its data are available."""

    evaluate: Evaluate
    kinds: tuple[Kind, ...]
    """Kinds of model that it supports."""
    needs_chat_template: bool = False
    """Whether it asks a local model in its chat template; a server has its own."""

    def check(self, name: str, language_model: AnyModel) -> None:
        """Check that the benchmark, called `name` in the error, supports the model.

        Raises:
            InputError: it does not support this kind of model, or the model has no chat template.
        """
        if language_model.kind not in self.kinds:
            if language_model.kind == "served":
                raise InputError(
                    f"benchmark {name!r} does not support served models; choose one that scores "
                    "generated text (honest, bold, counterfactual, bbq:chat), or evaluate without "
                    "--server"
                )
            local = [kind for kind in self.kinds if kind != "served"]
            raise InputError(
                f"benchmark {name!r} needs a {' or '.join(local)} model; "
                f"{language_model.source!r} is a {language_model.kind} one"
            )
        if self.needs_chat_template and language_model.kind != "served":
            from fairforget.generation.engine import encode_prompts

            try:
                encode_prompts(language_model, ["Who?"], chat=True)
            except InputError as error:
                raise InputError(f"benchmark {name!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Clusters:
    """The items of one domain, summed over clusters of one kind."""

    names: Sequence[Hashable]
    """[clusters] Domains that share a cluster are not independent."""
    sums: Floats
    """[clusters, k] the contribution of each cluster to the totals."""
    counted: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """Score → [clusters] whether an item of the cluster counts in it; all do for a score without
    an entry."""

    def count_in(self, score: str) -> npt.NDArray[np.bool_]:
        """[clusters] whether an item of the cluster counts in a score."""
        return self.counted.get(score, np.ones(len(self.sums), bool))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The items of one domain as numbers, for scores, intervals and paired tests."""

    kinds: Sequence[Clusters]
    """The items in clusters of each kind in which they depend on each other, such as nationalities
    and attributes."""
    statistic: Statistic
    """Totals [..., k] → scores by name [...]; the first is the benchmark's main score."""
    unbiased_scores: Mapping[str, float] = field(default_factory=dict)
    """The bias scores among those of `statistic`, in order: name → its value for a model without
    bias. Empty for a benchmark of general ability or of harm."""
    verdicts: npt.NDArray[np.bool_] | npt.NDArray[np.int8] | None = None
    """[items] whether the model preferred the stereotype (general ability: the right answer); None
    if the items have no verdicts. Where it can also prefer neither: 1, 0 for neither, and -1 for
    the anti-stereotype."""
    ties: int = 0
    """Number of items with equal scores."""
    lower_is_better: Sequence[str] = ()
    """The scores of harm among those of `statistic`, in order."""
    usable: npt.NDArray[np.bool_] | None = None
    """[items] whether an item has a verdict; None if all have one."""

    @property
    def totals(self) -> Floats:
        """[k] of all items."""
        totals: Floats = self.kinds[0].sums.sum(axis=0)
        return totals

    def scores(self, totals: Floats) -> Mapping[str, Floats]:
        """Return `statistic` of totals [..., k]; a ratio without a single item is NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.statistic(totals)

    def count_switches(self, after: Judgement) -> tuple[int, int]:
        """Return in how many items the verdict rose and fell, of those with one on both sides."""
        if self.verdicts is None or after.verdicts is None:
            return 0, 0
        both = self._usable_in_both(after)
        gained, lost = after.verdicts > self.verdicts, after.verdicts < self.verdicts
        return int((gained & both).sum()), int((lost & both).sum())

    def share_of_switches(self, after: Judgement) -> float:
        """Return the share of items whose verdict changed, of those with one on both sides."""
        if self.verdicts is None or after.verdicts is None:
            return 0.0
        changed = (after.verdicts != self.verdicts)[self._usable_in_both(after)]
        return float(changed.mean()) if len(changed) else 0.0

    def _usable_in_both(self, after: Judgement) -> npt.NDArray[np.bool_]:
        assert self.verdicts is not None
        both = np.ones(len(self.verdicts), bool)
        for judgement in (self, after):
            if judgement.usable is not None:
                both &= judgement.usable
        return both


Judge = Callable[[Sequence[Row]], Judgement]


def estimate_scores(judgement: Judgement, domain: str = ALL) -> dict[str, Estimate]:
    """All scores of a domain, with the jackknife deviations over the clusters that count in each.

    A score in which no cluster counts is left out; one that is undefined for other reasons is NaN.
    """
    scores = judgement.scores(judgement.totals)
    without = [scores_without(judgement, kind.sums) for kind in judgement.kinds]
    estimates = {}
    for name, value in scores.items():
        parts, units = select_counted(name, [judgement], without)
        if parts:
            estimates[name] = over_items(float(value), parts, domain=domain, units=units)
    return estimates


def scores_without(judgement: Judgement, sums: Floats) -> dict[str, Floats]:
    """Return the scores without each cluster in turn.

    Args:
        judgement: whose scores.
        sums: [..., clusters, k] of clusters of one kind.

    Returns:
        Score → [..., clusters]; NaN for a score that is not smooth, which then has no interval.
    """
    without = judgement.scores(leave_one_out(sums))
    return {
        name: values if measure_of(name).is_smooth else np.full_like(values, np.nan)
        for name, values in without.items()
    }


def cluster_rows(columns: Floats, rows: Sequence[Row], kind: str) -> Clusters:
    """Return [items, k] columns summed over the clusters that a field of the items names."""
    return Clusters(*cluster_sums(columns, [row[kind] for row in rows]))


def select_counted(
    score: str, judgements: Sequence[Judgement], without: Sequence[Mapping[str, Floats]]
) -> tuple[dict[int, Floats], dict[int, list[Hashable]]]:
    """Select the clusters that count in a score.

    Args:
        score: of a statistic.
        judgements: of the same items; a cluster counts if it does in one of them.
        without: [kinds] `scores_without` of the clusters of each kind.

    Returns:
        Number of a kind → the score without each of its clusters that count, [..., clusters]; and
        the names of these clusters. A kind of which none counts is left out.
    """
    parts, units = {}, {}
    for number, kinds in enumerate(zip(*(it.kinds for it in judgements), strict=True)):
        counted = np.any([kind.count_in(score) for kind in kinds], axis=0)
        if counted.any():
            parts[number] = without[number][score][..., counted]
            units[number] = [kinds[0].names[i] for i in np.flatnonzero(counted)]
    return parts, units


def compute_scores(judgement: Judgement) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """All scores of a domain, each with its `score_interval` over clusters."""
    estimates = estimate_scores(judgement)
    return {
        name: (it.value, score_interval(it, measure_of(name))) for name, it in estimates.items()
    }


def score_interval(estimate: Estimate, measure: Measure) -> tuple[float, float] | None:
    """The 95 % interval of a score, within its limits; None if its variance is unknown.

    That is so for a single cluster, and if all clusters agree, such as two pairs that both prefer
    the stereotype.

    It is Student's, with a jackknife estimate of the variance. The percentile interval of a cluster
    bootstrap would be too narrow with few clusters: its coverage is 0.75 with three and 0.84 with
    six, where this one has 0.96 and 0.94.
    """
    low, high = estimate.ci
    if not math.isfinite(high - low) or high == low:
        return None
    least, most = measure.limits
    return max(least, low), min(most, high)


def record_scores(judgement: Judgement) -> dict[str, Any]:
    """All scores of a domain as a record has them: `name` and `name_ci`.

    Scores in which no item of the domain counts are left out.
    """
    scores: dict[str, Any] = {}
    for name, (value, ci) in compute_scores(judgement).items():
        if not np.isnan(value):
            scores |= {name: value, f"{name}_ci": ci}
    return scores


def score_domains(
    items: Sequence[Row],
    judge: Judge,
    *,
    order: Sequence[str] = (),
    size: str = "items",
    clusters: str | None = None,
    ties: bool = False,
) -> dict[str, dict[str, Any]]:
    """Return the scores of each domain and of all together, as a record has them.

    Args:
        items: of all domains.
        judge: the benchmark's.
        order: of the domains, as in `group_by_domain`.
        size: what a record calls the number of items.
        clusters: what it calls the number of clusters; None to leave that out.
        ties: whether it has the number of ties.
    """
    scores = {}
    for domain, rows in group_by_domain(items, order).items():
        judgement = judge(rows)
        facts = {**record_scores(judgement), size: len(rows)}
        if clusters:
            facts[clusters] = len(judgement.kinds[0].names)
        if ties:
            facts["ties"] = judgement.ties
        scores[domain] = facts
    return scores


def group_by_domain(rows: Sequence[Row], order: Sequence[str] = ()) -> dict[str, list[Row]]:
    """The rows of each domain: first in the order given, then by appearance; last, `ALL` rows."""
    domains: dict[str, list[Row]] = {domain: [] for domain in order}
    for row in rows:
        domains.setdefault(row["domain"], []).append(row)
    return {**{domain: part for domain, part in domains.items() if part}, ALL: list(rows)}
