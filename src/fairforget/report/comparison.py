"""Two evaluations of the same benchmark, domain by domain."""

from __future__ import annotations

from dataclasses import dataclass

from fairforget.errors import InputError
from fairforget.report.contents import Evaluation
from fairforget.report.paired import PairedDomain, Verdict, paired_domains
from fairforget.report.scores import DomainScore, Perplexity, domain_scores, perplexities


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

    def language(self) -> DomainChange | None:
        """The domain `all` of the first benchmark that also measures language ability."""
        measured = (self.domain(benchmark, "all") for benchmark in self.benchmarks)
        return next((d for d in measured if d and d.before.lms is not None), None)

    def domain(self, benchmark: str, domain: str) -> DomainChange | None:
        """One domain's change, if it was measured."""
        return next((d for d in self.benchmarks.get(benchmark, []) if d.domain == domain), None)


def compare(before: Evaluation, after: Evaluation) -> Comparison:
    """Compare what both evaluations measured.

    Raises:
        InputError: they scored a benchmark under different protocols; such numbers never share
            a table.
    """
    benchmarks = {}
    results = before.record.results, after.record.results
    for name in results[0]:
        if name not in results[1]:
            continue
        protocols = [str(r[name].get("protocol")) for r in results]
        if protocols[0] != protocols[1]:
            raise InputError(
                f"{name} was scored under protocol {protocols[0]!r} before and {protocols[1]!r} "
                "after, which cannot be compared: evaluate both under one protocol"
            )
        later = {score.domain: score for score in domain_scores(name, results[1])}
        paired = paired_domains(name, before.items, after.items, seed=before.record.seed)
        changes = [
            DomainChange(score.domain, score, later[score.domain], paired.get(score.domain))
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
    return Comparison(benchmarks, perplexity)
