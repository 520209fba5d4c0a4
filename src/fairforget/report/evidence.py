"""How far the numbers of a page can be trusted: what was compared, and the known limitations."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.limitations import known_limitations
from fairforget.benchmarks.measurement import ALL
from fairforget.records.records import UnlearningRecord, UtilityFacts
from fairforget.report.before_after import BeforeAfter
from fairforget.report.wording import (
    base_name,
    benchmark_name,
    domain_name,
    format_number,
    format_p,
)
from fairforget.statistics import FEWEST_CLUSTERS

ROUNDING = 1.0005
"""A perplexity ratio may exceed its limit by this factor and still count as inside."""
COVERAGE = (
    "Limited coverage.",
    "The benchmarks are in English and mostly cover stereotypes from the United States. They do "
    "not measure how a model affects people in use.",
)
CLUSTERS = (
    "Items about one term are not independent.",
    "Intervals come from {} whole terms (StereoSet) or pairs (CrowS-Pairs). With few terms, "
    "intervals are wide and unreliable.",
)
RESAMPLING, LEAVE_ONE_OUT = "resampling", "leaving out, one at a time, seeds and"
"""The source of intervals: bootstrap (evaluations, comparisons) or jackknife (studies)."""
VERDICTS = (
    "Several domains are tested.",
    "Each interval covers 95 % for its own domain, so one in twenty misses by chance. A verdict "
    f"therefore also needs at least {FEWEST_CLUSTERS} terms and an exact test of the pairs that "
    "flipped, corrected for the number of comparisons (Holm, p < 0.05). The test treats pairs as "
    "independent; the interval does not.",
)
"""How a verdict on two evaluations of the same items is reached."""


def list_evidence(comparison: BeforeAfter, trained: list[str]) -> list[str]:
    """One sentence for all items and one for each trained domain: items compared and flipped."""
    sentences = []
    for benchmark, changes in comparison.benchmarks.items():
        for change in changes:
            if change.domain != ALL and not is_about(change.domain, trained):
                continue
            where = f"{benchmark_name(benchmark)}, {domain_name(change.domain).lower()}"
            if change.paired is None:
                sentences.append(f"{where}: no interval, because the scored items were not kept.")
                continue
            p = change.paired
            terms = f" about {p.clusters} terms" if base_name(benchmark) == "stereoset" else ""
            sentences.append(
                f"{where}: {p.items} pairs{terms}, scored before and after. The preference flipped "
                f"away from the stereotype in {p.lost} and towards it in {p.gained} (exact McNemar "
                f"test, {format_p(p.p_adjusted)}, Holm-corrected)."
            )
    return sentences


def list_run_evidence(
    comparison: BeforeAfter, record: UnlearningRecord, trained: list[str]
) -> list[str]:
    """`list_evidence`, whether each budget held, and the number of seeds."""
    budget = record.budget
    seed = record.method.get("seed")
    return [
        *list_evidence(comparison, trained),
        _budget_sentence("held-out", budget),
        *(_budget_sentence(name, facts) for name, facts in budget.others.items()),
        f"This is a single run{'' if seed is None else f' (seed {seed})'}; another seed gives "
        "other numbers.",
    ]


def list_limitations(
    benchmarks: Iterable[str], *, verdicts: bool, intervals: str = RESAMPLING
) -> list[tuple[str, str]]:
    """Titles and texts of the limitations that a reader must know.

    Args:
        benchmarks: their names, with options.
        verdicts: whether the page has verdicts on changes.
        intervals: `RESAMPLING` or `LEAVE_ONE_OUT`.
    """
    known = [(f"{name}.", text) for name, text in known_limitations(benchmarks)]
    title, text = CLUSTERS
    return [*known, COVERAGE, (title, text.format(intervals)), *([VERDICTS] if verdicts else [])]


def _budget_sentence(text: str, facts: UtilityFacts) -> str:
    within = "inside" if facts.reached <= facts.asked * ROUNDING else "outside"
    return (
        f"Perplexity on {text} text ended at {format_number(facts.reached, 3)} × the original’s, "
        f"{within} the budget of {format_number(facts.asked, 3)}."
    )
