"""Changes between two evaluations, by benchmark and domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.perplexity import WIKITEXT2, split_corpus
from fairforget.comparison.compare import Comparison, compare_evaluations
from fairforget.comparison.paired import Cell
from fairforget.comparison.score_change import Change, Score, Verdict
from fairforget.records.evaluation import Evaluation
from fairforget.report.further_scores import FURTHER
from fairforget.report.scores import (
    PERPLEXITY,
    STEREOTYPE_SCORES,
    DomainScore,
    domain_scores,
    name_texts,
    perplexities,
)
from fairforget.report.wording import HARMFUL_WORDS


@dataclass(frozen=True, slots=True)
class FurtherChange:
    """A score beside the stereotype score, before and after."""

    before: Score
    after: Score
    change: Change
    """With an interval if the items were kept."""
    cell: Cell | None
    """With the verdict; None if the score is only to be read, or the items were not kept."""


@dataclass(frozen=True, slots=True)
class DomainChange:
    """One domain before and after; `paired` is None if the scored items were not kept."""

    domain: str
    before: DomainScore
    after: DomainScore
    paired: Cell | None
    cells: Mapping[str, Cell] = field(default_factory=dict)
    """The domain's other bias scores, by name."""

    @property
    def delta(self) -> float:
        """Change of the stereotype score, in points."""
        return self.paired.score.delta if self.paired else self.after.score - self.before.score

    @property
    def verdict(self) -> Verdict:
        """Whether bias fell (`less`), rose (`more`), or neither is certain (`undecided`)."""
        return self.paired.verdict if self.paired else "undecided"

    @property
    def lms(self) -> Change | None:
        """Change of LMS, if both sides have it; with an interval if the items were kept."""
        return self._change("lms", self.before.lms, self.after.lms)

    @property
    def icat(self) -> Change | None:
        """Change of ICAT, as for `lms`."""
        return self._change("icat", self.before.icat, self.after.icat)

    @property
    def further(self) -> dict[str, FurtherChange]:
        """The scores of `fairforget.report.further_scores.FURTHER` that both sides have."""
        changes = {}
        for name, before in self.before.further.items():
            after, cell = self.after.further.get(name), self.cells.get(name)
            if after is None:
                continue
            change = cell.score if cell else self._change(name, before.value, after.value)
            assert change is not None
            changes[name] = FurtherChange(before, after, change, cell)
        return changes

    def _change(self, name: str, before: float | None, after: float | None) -> Change | None:
        if self.paired and name in self.paired.beside:
            return self.paired.beside[name]
        if before is None or after is None:
            return None
        return Change(before, after, after - before)


@dataclass(frozen=True, slots=True)
class PerplexityChange:
    """Perplexity on one corpus before and after."""

    corpus: str
    """As pages name it (`name_texts`)."""
    before: float
    after: float

    @property
    def percent(self) -> float:
        """The change, in % of `before`."""
        return (self.after / self.before - 1) * 100


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Everything that both evaluations measured."""

    benchmarks: dict[str, list[DomainChange]]
    """Benchmark → its domains, for benchmarks with a stereotype score."""
    perplexity: list[PerplexityChange]
    others: list[Cell] = field(default_factory=list)
    """Cells of all other benchmarks."""
    notes: Sequence[str] = ()
    """What limits the comparison: ties, unusable replies, different data types."""

    @property
    def harm(self) -> list[Cell]:
        """The cells of harmful words among them."""
        return [cell for cell in self.others if base_name(cell.benchmark) == HARMFUL_WORDS]

    def language(self) -> DomainChange | None:
        """The domain `all` of the first benchmark with an LMS."""
        totals = (self.domain(benchmark, ALL) for benchmark in self.benchmarks)
        return next((d for d in totals if d and d.lms), None)

    def single(self, benchmark: str) -> list[DomainChange]:
        """The changes of a benchmark's domains, without that of all together."""
        return [change for change in self.benchmarks[benchmark] if change.domain != ALL]

    def domain(self, benchmark: str, domain: str) -> DomainChange | None:
        """One domain's change, if it was measured."""
        return next((d for d in self.benchmarks.get(benchmark, []) if d.domain == domain), None)


def before_after(before: Evaluation, after: Evaluation) -> BeforeAfter:
    """Compare everything that both evaluations measured.

    Raises:
        InputError: they scored a benchmark by different protocols or on different items.
    """
    results = before.record.results, after.record.results
    comparison = compare_evaluations(before, after)
    cells = _group_by_domain(comparison.cells)
    benchmarks = {}
    for name in results[0]:
        later = {score.domain: score for score in domain_scores(name, results[1])}
        changes = [
            _domain_change(score, later[score.domain], cells.get((name, score.domain), {}))
            for score in domain_scores(name, results[0])
            if score.domain in later
        ]
        if changes:
            benchmarks[name] = changes
    after_values = {p.benchmark: p.value for p in perplexities(results[1])}
    perplexity = [
        PerplexityChange(p.corpus, p.value, after_values[p.benchmark])
        for p in perplexities(results[0])
        if p.benchmark in after_values and p.value > 0
    ]
    others = [cell for cell in comparison.cells if cell.benchmark not in benchmarks]
    return BeforeAfter(benchmarks, perplexity, others, comparison.notes)


def _group_by_domain(cells: Iterable[Cell]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Benchmark and domain → the cells of its scores, by name."""
    groups: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.benchmark, cell.domain), {})[cell.measure] = cell
    return groups


def _domain_change(
    before: DomainScore, after: DomainScore, cells: Mapping[str, Cell]
) -> DomainChange:
    """One domain before and after, with the cells of its bias scores by name."""
    main = next((cell for cell in cells.values() if cell.main), None)
    return DomainChange(before.domain, before, after, main, cells)


def from_comparison(comparison: Comparison) -> BeforeAfter:
    """The changes in a `comparison.json`, which has intervals of changes but not of scores."""
    known = {c.benchmark for c in comparison.cells if c.main and c.measure in STEREOTYPE_SCORES}
    benchmarks: dict[str, list[DomainChange]] = {}
    for (benchmark, _), cells in _group_by_domain(comparison.cells).items():
        if benchmark in known and any(cell.main for cell in cells.values()):
            sides = (_score(cells, "before"), _score(cells, "after"))
            benchmarks.setdefault(benchmark, []).append(_domain_change(*sides, cells))
    texts = name_texts(
        {
            name: split_corpus(name.split(":")[1:])[1] or WIKITEXT2
            for name in comparison.perplexity
            if base_name(name) == PERPLEXITY
        }
    )
    perplexity = [
        PerplexityChange(text, change.before, change.after)
        for name, text in texts.items()
        if (change := comparison.perplexity[name]).before > 0
    ]
    others = [cell for cell in comparison.cells if cell.benchmark not in known]
    return BeforeAfter(benchmarks, perplexity, others, comparison.notes)


def _score(cells: Mapping[str, Cell], side: str) -> DomainScore:
    """One side of a domain, from the cells of its bias scores by name."""
    cell = next(cell for cell in cells.values() if cell.main)
    beside = {name: getattr(change, side) for name, change in cell.beside.items()}
    values = beside | {name: getattr(other.score, side) for name, other in cells.items()}
    lms, icat = beside.get("lms"), beside.get("icat")
    return DomainScore(
        domain=cell.domain,
        score=getattr(cell.score, side),
        ci=None,
        lms=lms,
        lms_ci=None,
        icat=icat,
        items=cell.items,
        terms=cell.clusters if lms is not None else None,
        further={name: Score(values[name]) for name in FURTHER if name in values},
    )
