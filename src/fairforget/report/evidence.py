"""What speaks for and against believing this run's numbers, from its own counts."""

from __future__ import annotations

from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import ALL
from fairforget.records.records import UnlearningRecord
from fairforget.report.before_after import BeforeAfter
from fairforget.report.wording import (
    base_name,
    benchmark_name,
    domain_name,
    format_number,
    format_p,
)


def evidence(comparison: BeforeAfter, trained: list[str]) -> list[str]:
    """Sentences: how much was compared, and what flipped."""
    found = []
    for benchmark, changes in comparison.benchmarks.items():
        for change in changes:
            if change.domain != ALL and not is_about(change.domain, trained):
                continue
            where = f"{benchmark_name(benchmark)}, {domain_name(change.domain).lower()}"
            if change.paired is None:
                found.append(f"{where}: the scored items were not kept, so there is no interval.")
                continue
            p = change.paired
            terms = f" about {p.clusters} terms" if base_name(benchmark) == "stereoset" else ""
            found.append(
                f"{where}: {p.items} pairs{terms} compared before and after. The preference "
                f"flipped away from the stereotype in {p.lost} and towards it in "
                f"{p.gained} (exact McNemar test {format_p(p.p_adjusted)}, corrected for "
                "the comparisons of its kind on this page)."
            )
    return found


def run_evidence(
    comparison: BeforeAfter, record: UnlearningRecord, trained: list[str]
) -> list[str]:
    """The same, and whether the budget held, and how many seeds there were."""
    found = evidence(comparison, trained)
    budget = record.budget
    within = "inside" if budget.reached <= budget.asked * 1.0005 else "outside"
    found.append(
        f"Held-out perplexity ended at {format_number(budget.reached, 3)} × the original’s, {within} the "
        f"allowed {format_number(budget.asked, 3)}."
    )
    for name, other in budget.others.items():
        within = "inside" if other.reached <= other.asked * 1.0005 else "outside"
        found.append(
            f"Perplexity on {name} text ended at {format_number(other.reached, 3)} × the original’s, "
            f"{within} the allowed {format_number(other.asked, 3)}."
        )
    seed = record.method.get("seed")
    found.append(
        "This is one run"
        + (f" with one seed ({seed})" if seed is not None else "")
        + "; another would give other numbers."
    )
    return found
