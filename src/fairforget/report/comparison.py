"""Two evaluations of the same benchmark, domain by domain."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairforget import compare as paired_comparison
from fairforget.benchmarks.measurement import ALL
from fairforget.errors import InputError
from fairforget.report.contents import Evaluation
from fairforget.report.paired import PairedDomain, Verdict, compared_items, paired_domain
from fairforget.report.scores import (
    DomainScore,
    Perplexity,
    domain_scores,
    has_domain_scores,
    perplexities,
)


@dataclass(frozen=True, slots=True)
class DomainChange:
    """One domain before and after; `paired` is None where the items were not kept."""

    domain: str
    before: DomainScore
    after: DomainScore
    paired: PairedDomain | None

    @property
    def delta(self) -> float:
        """Change of the stereotype score, in points."""
        return self.paired.score.delta if self.paired else self.after.score - self.before.score

    @property
    def verdict(self) -> Verdict:
        """Whether bias became less, more, or neither can be said."""
        return self.paired.verdict if self.paired else "undecided"


@dataclass(frozen=True, slots=True)
class PerplexityChange:
    """Perplexity on one corpus before and after."""

    before: Perplexity
    after: Perplexity

    @property
    def percent(self) -> float:
        """The change, in % of the original."""
        return (self.after.value / self.before.value - 1) * 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that both evaluations measured: benchmark → domains, and perplexities."""

    benchmarks: dict[str, list[DomainChange]]
    perplexity: list[PerplexityChange]
    others: list[paired_comparison.Cell] = field(default_factory=list)
    """Cells of benchmarks that the report does not know."""

    def language(self) -> DomainChange | None:
        """The domain `all` of the first benchmark that also measures language ability."""
        measured = (self.domain(benchmark, ALL) for benchmark in self.benchmarks)
        return next((d for d in measured if d and d.before.lms is not None), None)

    def domain(self, benchmark: str, domain: str) -> DomainChange | None:
        """One domain's change, if it was measured."""
        return next((d for d in self.benchmarks.get(benchmark, []) if d.domain == domain), None)


def compare(before: Evaluation, after: Evaluation) -> Comparison:
    """Compare what both evaluations measured.

    Raises:
        InputError: they scored a benchmark under different protocols, or different items; such
            numbers never share a table.
    """
    results = before.record.results, after.record.results
    shared = [name for name in results[0] if name in results[1]]
    cells: list[paired_comparison.Cell] = []
    for name in shared:
        protocols = [str(r[name].get("protocol")) for r in results]
        if protocols[0] != protocols[1]:
            raise InputError(
                f"{name} was scored under protocol {protocols[0]!r} before and {protocols[1]!r} "
                "after, which cannot be compared: evaluate both under one protocol"
            )
        cells += compared_items(name, before.items, after.items, seed=before.record.seed)
    found = {(c.benchmark, c.domain): c for c in paired_comparison.adjusted(cells)}
    benchmarks = {}
    for name in shared:
        later = {score.domain: score for score in domain_scores(name, results[1])}
        changes = [
            DomainChange(
                score.domain,
                score,
                later[score.domain],
                paired_domain(found[name, score.domain]) if (name, score.domain) in found else None,
            )
            for score in domain_scores(name, results[0])
            if score.domain in later
        ]
        if changes:
            benchmarks[name] = changes
    perplexity = [
        PerplexityChange(p, q)
        for p in perplexities(results[0])
        for q in perplexities(results[1])
        if (p.corpus, p.protocol, p.tokens) == (q.corpus, q.protocol, q.tokens) and p.value > 0
    ]
    return Comparison(
        benchmarks, perplexity, [c for c in found.values() if c.benchmark not in benchmarks]
    )


def from_cells(compared: paired_comparison.Comparison) -> Comparison:
    """The same from what `fairforget compare` wrote, which keeps no interval of either side."""
    benchmarks: dict[str, list[DomainChange]] = {}
    others = []
    for cell in compared.cells:
        paired = paired_domain(cell)
        if paired is None or not has_domain_scores(cell.benchmark):
            others.append(cell)
            continue
        sides = (_score(cell, "before"), _score(cell, "after"))
        benchmarks.setdefault(cell.benchmark, []).append(DomainChange(cell.domain, *sides, paired))
    perplexity = [
        PerplexityChange(
            *(
                Perplexity(name.partition(":")[2] or "the benchmark’s text", "", value, None)
                for value in (change.before, change.after)
            )
        )
        for name, change in compared.perplexity.items()
        if change.before > 0
    ]
    return Comparison(benchmarks, perplexity, others)


def _score(cell: paired_comparison.Cell, side: str) -> DomainScore:
    beside = {name: getattr(change, side) for name, change in cell.beside.items()}
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
    )
