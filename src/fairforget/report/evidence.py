"""How reliable the numbers of a page are: what was compared, and the known limitations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.limitations import known_clusters, known_limitations
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.options import base_name, find_user_file
from fairforget.comparison.paired import Cell
from fairforget.records.records import (
    BudgetFacts,
    HarmfulWordFacts,
    UnlearningRecord,
    UtilityFacts,
)
from fairforget.report.before_after import BeforeAfter
from fairforget.report.wording import (
    HARMFUL_WORDS,
    benchmark_name,
    domain_name,
    format_number,
    format_p,
    format_signed,
    join_words,
    measured_text,
)
from fairforget.settings import DebiasSettings
from fairforget.statistics.jackknife import FEWEST_CLUSTERS

ROUNDING = 1.0005
"""A perplexity ratio may exceed its limit by this factor and still count as inside."""
COVERAGE = (
    "Limited coverage.",
    "The benchmarks are in English and mostly cover stereotypes from the United States. They do "
    "not measure how a model affects people in use.",
)
CLUSTERS = "Similar items are not independent."
FEW = "With few {units}, intervals are wide."
SINGLE = (
    "The interval of a single score is a t interval over whole {titled}, with a variance from "
    "leaving out one of them at a time (jackknife)."
)
CHANGES = (
    "That of a change comes from a paired t test over them: both models are scored on the same "
    "items, so shared variation cancels."
)
NEAR_NO_BIAS = (
    "Bias is the distance of a score from its unbiased value. Where a score may have crossed that "
    "value, the interval of the change in bias covers all changes that the intervals of the "
    "score and of its change allow."
)
STUDY = (
    "Intervals come from t tests over whole {titled} and over seeds, with variances from leaving "
    "out one of them at a time (jackknife)."
)
CHOSEN_ON = {
    "stereoset": "StereoSet",
    "crows_pairs": "CrowS-Pairs",
    "winobias": "WinoBias",
    "winogender": "Winogender",
    f"{HARMFUL_WORDS}:hatecheck": "HateCheck",
    "seegull": "SeeGULL",
    "group_facts": "facts about groups",
}
"""Benchmark → its data, for those that were scored to choose the default settings."""
Intervals = Literal["scores", "changes", "study"]
"""What a page has intervals of: single scores, scores and their changes, or a study's effects."""
INTERVALS: dict[Intervals, tuple[str, ...]] = {
    "scores": (SINGLE,),
    "changes": (SINGLE, CHANGES, NEAR_NO_BIAS),
    "study": (STUDY, NEAR_NO_BIAS),
}
VERDICTS = (
    "Several domains are tested.",
    "Each interval is for one domain; about one in twenty misses the true value by chance. A "
    f"verdict therefore also needs at least {FEWEST_CLUSTERS} {{units}} and a test that is "
    "corrected for the number of comparisons (Holm, p < 0.05). The test is Student’s t over "
    "{units}. For the main bias score of a benchmark, p is that of the exact McNemar test of the "
    "items that flipped, if it is larger; this test treats items as independent. Most items that "
    "flipped must also have flipped in the direction of the change.",
)
"""How a verdict on two evaluations of the same items is reached."""


def list_evidence(comparison: BeforeAfter, trained: list[str]) -> list[str]:
    """One sentence for all items and one for each trained domain: items compared and flipped."""
    sentences = []
    for benchmark, changes in comparison.benchmarks.items():
        for change in changes:
            if change.domain != ALL and not is_about(benchmark, change.domain, trained):
                continue
            where = f"{benchmark_name(benchmark)}, {domain_name(change.domain).lower()}"
            if change.paired is None:
                sentences.append(f"{where}: no interval, because the scored items were not kept.")
                continue
            p = change.paired
            terms = f" about {p.clusters} terms" if base_name(benchmark) == "stereoset" else ""
            sentences.append(
                f"{where}: {p.items} pairs{terms}, scored before and after. The preference flipped "
                f"away from the stereotype in {p.lost} and towards it in {p.gained}{_test(p)}."
            )
    return sentences


def _test(cell: Cell) -> str:
    if cell.caveat == "few":
        return f"; there are too few {cluster_name(cell.benchmark)} for a test"
    return f"; the change has {format_p(cell.p_adjusted)}, Holm-corrected"


def list_run_evidence(
    comparison: BeforeAfter, record: UnlearningRecord, trained: list[str]
) -> list[str]:
    """`list_evidence`, whether each budget held, and the change of harmful words."""
    budget = record.budget
    return [
        *list_evidence(comparison, trained),
        *(_budget_sentence(measured_text(n), facts) for n, facts in budget.perplexities.items()),
        *([_harm_sentence(budget.harmful_words)] if budget.harmful_words else []),
        *comparison.notes,
    ]


def list_limitations(
    benchmarks: Iterable[str], intervals: Intervals, *, verdicts: bool = True
) -> list[tuple[str, str]]:
    """Titles and texts of the limitations that a reader must know.

    Args:
        benchmarks: their names, with options.
        intervals: what the page has intervals of.
        verdicts: with changes, whether the page has verdicts on two evaluations.
    """
    names = list(benchmarks)
    found = [*((f"{name}.", text) for name, text in known_limitations(names)), COVERAGE]
    if not known_clusters(names):
        return found
    further = [(CLUSTERS, " ".join([*INTERVALS[intervals], FEW]))]
    if intervals == "changes" and verdicts:
        further.append(VERDICTS)
    units = list_units(names)
    titled = list_units(names, titled=True)
    return [*found, *((title, text.format(units=units, titled=titled)) for title, text in further)]


def list_choices(objective: str | None, benchmarks: Iterable[str]) -> list[tuple[str, str]]:
    """A limitation of the default objective: on which benchmarks its settings were chosen.

    Args:
        objective: of the run; None if unknown.
        benchmarks: on the page, with options.
    """
    measured = {
        part for name in benchmarks if not find_user_file(name) for part in _with_each_option(name)
    }
    data = [text for known, text in CHOSEN_ON.items() if known in measured]
    if objective != DebiasSettings.objective or not data:
        return []
    text = (
        f"The default settings of {objective} were chosen with SmolLM2, partly by scores on "
        f"{join_words(data)}. Effects on the same data may be overstated."
    )
    return [("Not held out.", text)]


def _with_each_option(name: str) -> list[str]:
    """Return a benchmark alone, and with each of its options, without those of a corpus."""
    base, *options = name.split(":")
    return [base, *(f"{base}:{option.partition('?')[0]}" for option in options)]


def list_units(benchmarks: Iterable[str], *, titled: bool = False) -> str:
    """The units that intervals of benchmarks are over: "target terms or pairs".

    Args:
        benchmarks: their names, with options.
        titled: whether each is followed by its benchmarks: "target terms (StereoSet)".
    """
    titles: dict[str, list[str]] = {}
    for title, clusters in known_clusters(benchmarks):
        titles.setdefault(clusters, []).append(title)
    units = [f"{name} ({join_words(its)})" if titled else name for name, its in titles.items()]
    return join_words(units, "or")


def cluster_name(benchmark: str) -> str:
    """The units that a benchmark's intervals are over, in the plural: "target terms"."""
    return list_units([benchmark]) or "clusters"


def _harm_sentence(words: HarmfulWordFacts) -> str:
    change = words.added_after - words.added_before
    moved = (
        f"Harmful words after a group changed by {format_signed(words.change, 2)} nats, and by "
        f"{format_signed(words.change - change, 2)} after a neutral word"
    )
    return (
        f"{moved}, so what naming the group adds to them changed by {format_signed(change, 2)} "
        f"nats ({words.texts} built-in texts, no interval)."
    )


def is_within(facts: UtilityFacts) -> bool:
    """Whether a perplexity met its limit."""
    return facts.reached <= facts.asked * ROUNDING


def is_within_budget(budget: BudgetFacts) -> bool:
    """Whether a result met every limit."""
    return not budget.is_exceeded and all(map(is_within, budget.perplexities.values()))


def _budget_sentence(text: str, facts: UtilityFacts) -> str:
    within = "within" if is_within(facts) else "above"
    return (
        f"Perplexity on {text} ended at {format_number(facts.reached, 3)} × the original’s, "
        f"{within} the budget of {format_number(facts.asked, 3)}."
    )
