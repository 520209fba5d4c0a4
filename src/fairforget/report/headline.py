"""The headline of a page: the answer in plain words, from the numbers and their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import CONTRIBUTION, SCALED_CONTRIBUTION
from fairforget.benchmarks.options import base_name
from fairforget.comparison.score_change import Change
from fairforget.report.before_after import BeforeAfter, DomainChange
from fairforget.report.cell_words import describe_cell
from fairforget.report.evidence import cluster_name
from fairforget.report.harmful_words import change_sentences
from fairforget.report.key_figures import DIGITS, Figure, change_figures
from fairforget.report.wording import (
    benchmark_name,
    capitalize_first,
    domain_name,
    format_interval,
    format_number,
    format_p,
    format_signed,
    is_zero,
    join_words,
    measured_text,
)

LARGE_LMS = -2.0
"""Change of LMS in points; if the interval lies below it, bias scores are unreliable."""
LARGE_PERPLEXITY = 10.0
"""Rise in perplexity, in %; above it, bias scores are unreliable."""
SMALL_LMS = -0.5
SMALL_PERPLEXITY = 5.0
"""Up to these, the cost is little."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A title, a few sentences, cautions and key numbers."""

    title: str
    sentences: list[str]
    cautions: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def change_headline(
    comparison: BeforeAfter, trained: list[str], ratios: Mapping[str, float] = MappingProxyType({})
) -> Headline:
    """Whether unlearning lowered bias, and what it cost.

    Args:
        comparison: before against after.
        trained: domains of the forget corpora; the headline is about the first that was measured.
        ratios: perplexity ratios of the budget, after ÷ before, by constraint; used if no
            perplexity was evaluated.
    """
    benchmark, main = _main_change(comparison, trained)
    cost, cost_title, cautions = _cost(comparison, ratios)
    harm, rises = change_sentences(comparison.harm)
    cautions = [*rises, *cautions]
    if main is None:
        title = "No stereotype score was measured both before and after"
        return Headline(title, [*harm, *cost], cautions, [])
    total = comparison.domain(benchmark, ALL)
    title = _title(main, total)
    if cost_title and main.verdict != "undecided":
        title += f", {cost_title}"
    changes = [main, total] if total and total is not main else [main]
    sentences = [_score_sentence(benchmark, change) for change in changes]
    sentences += [*_further_sentences(main), *harm, *cost]
    if others := _other_domains(comparison, benchmark, main, trained):
        sentences.append(others)
    return Headline(title, sentences, cautions, change_figures(comparison, main, ratios))


def stereoset_first(benchmarks: Iterable[str]) -> list[str]:
    """StereoSet first, because it also measures language modelling."""
    return sorted(benchmarks, key=lambda name: base_name(name) != "stereoset")


def _main_change(comparison: BeforeAfter, trained: list[str]) -> tuple[str, DomainChange | None]:
    """The benchmark and the domain that the headline is about: trained, or else all domains."""
    benchmarks = stereoset_first(comparison.benchmarks)
    for benchmark in benchmarks:
        single = comparison.single(benchmark)
        own = (c for d in trained for c in single if is_about(benchmark, c.domain, [d]))
        if change := next(own, None):
            return benchmark, change
    for benchmark in benchmarks:
        if change := comparison.domain(benchmark, ALL):
            return benchmark, change
    return "", None


def _title(main: DomainChange, total: DomainChange | None) -> str:
    name = "bias" if main.domain == ALL else f"{domain_name(main.domain).lower()} bias"
    verbs = {"less": "fell", "more": "rose"}
    if main.verdict != "undecided":
        return f"{capitalize_first(name)} {verbs[main.verdict]}"
    if total and total.verdict != "undecided":
        domain = domain_name(main.domain).lower()
        return f"Undecided for {domain}; over all domains, bias {verbs[total.verdict]}"
    return f"Undecided: {name} may or may not have changed"


def _score_sentence(benchmark: str, change: DomainChange) -> str:
    before, after = change.before.score, change.after.score
    if change.paired:
        before, after = change.paired.score.before, change.paired.score.after
    subject = "The stereotype score over all domains"
    if change.domain != ALL:
        subject = f"The {domain_name(change.domain).lower()} stereotype score"
    crossed = (before - 50) * (after - 50) < 0
    verb = (
        "stayed at"
        if format_number(before) == format_number(after)
        else ("moved past 50," if crossed else "fell" if after < before else "rose")
    )
    path = (
        format_number(after)
        if verb == "stayed at"
        else f"from {format_number(before)} to {format_number(after)}"
    )
    if change.paired is None:
        return (
            f"{subject} ({benchmark_name(benchmark)}; 50 means no preference) {verb} {path}. The "
            "scored items were not kept, so there is no interval and the change may be chance."
        )
    if change.paired.is_unchanged:
        return f"{subject} {verb} {path}, because no preference changed; 50 means no preference."
    interval = f"95 % interval of the change {format_interval(change.paired.score.ci)}"
    about = f"{benchmark_name(benchmark)}; {interval}"
    sentence = f"{subject} {verb} {path} ({about}), where 50 means no preference"
    if change.verdict != "undecided":
        return sentence + "."
    if change.paired.caveat == "few":
        few = f"too few {cluster_name(benchmark)} ({change.paired.clusters})"
        return f"{sentence}: undecided, because there are {few}."
    if change.paired.caveat == "crossing":
        return f"{sentence}: undecided whether it is now closer to 50."
    if change.paired.caveat == "correction":
        p = format_p(change.paired.p_adjusted)
        return f"{sentence}: undecided after correction for multiple comparisons ({p})."
    if change.paired.caveat == "flips":
        more, fewer = "towards the stereotype", "away from it"
        if change.paired.lost > change.paired.gained:
            more, fewer = "away from the stereotype", "towards it"
        return f"{sentence}: undecided, because more pairs flipped {more} than {fewer}."
    return f"{sentence}: undecided."


def _further_sentences(change: DomainChange) -> list[str]:
    """What naming the group adds, before and after, and whether it came closer to 0."""
    further = change.further
    if CONTRIBUTION not in further:
        return []
    score = further[CONTRIBUTION]
    before, after = (format_number(s.value, DIGITS) for s in (score.before, score.after))
    where = "" if change.domain == ALL else f" in {domain_name(change.domain).lower()} items"
    interval = ""
    if shown := score.change.shown_ci:
        interval = f" (95 % interval of the change {format_interval(shown, DIGITS)})"
    cell = further[SCALED_CONTRIBUTION].cell if SCALED_CONTRIBUTION in further else None
    verdict = f": {describe_cell(cell)}" if cell else ""
    if cell and cell.verdict != "undecided":
        moved = "came closer to 0" if cell.verdict == "less" else "moved away from 0"
        verdict = f"; the scaled contribution {moved} ({format_p(cell.p_adjusted)})"
    return [
        "The contribution of the group, which is how much naming it instead of a neutral word "
        f"favours the stereotype, went from {before} to {after} nats per token{where}{interval}, "
        f"where 0 means no bias{verdict}."
    ]


def _cost(comparison: BeforeAfter, ratios: Mapping[str, float]) -> tuple[list[str], str, list[str]]:
    """Sentences on the utility loss, words for the title, and cautions."""
    total = comparison.language()
    lms = total.lms if total else None
    sentences = [_lms_sentence(lms)] if lms else []
    cautions: list[str] = []
    rises = [(f"Perplexity on {p.corpus}", p.percent) for p in comparison.perplexity] or [
        (f"Perplexity on {measured_text(name)}", (ratio - 1) * 100)
        for name, ratio in ratios.items()
    ]
    for subject, percent in rises:
        size = format_number(abs(percent))
        if is_zero(percent):
            sentences.append(f"{subject} did not change.")
        else:
            verb, grade = ("rose", "worse") if percent > 0 else ("fell", "better")
            sentences.append(f"{subject} {verb} by {size} % ({grade}).")
    if not rises and lms is None:
        sentences.append("The cost to language modelling was not measured.")
        return [" ".join(sentences)], "at an unknown cost to language modelling", cautions
    worst = max((percent for _, percent in rises), default=0.0)
    lowest = 0.0 if lms is None else lms.ci[0] if lms.ci else lms.delta
    highest = 0.0 if lms is None else lms.ci[1] if lms.ci else lms.delta
    if highest < LARGE_LMS or worst > LARGE_PERPLEXITY:
        cautions.append(
            "The model lost much of its language ability. A broken model also scores 50, so a "
            "lower stereotype score does not show less bias here."
        )
        title = "at a large cost to language modelling"
    elif lowest >= SMALL_LMS and worst <= SMALL_PERPLEXITY:
        title = "at little cost to language modelling"
    elif lms and lms.ci and not lms.is_decided and worst <= SMALL_PERPLEXITY:
        title = "at an uncertain cost to language modelling"
    else:
        title = "at some cost to language modelling"
    return [" ".join(sentences)], title, cautions


def _lms_sentence(lms: Change) -> str:
    if is_zero(lms.delta):
        shown = lms.shown_ci
        interval = f" (95 % interval of the change {format_interval(shown)})" if shown else ""
        return f"LMS stayed at {format_number(lms.after)}{interval}."
    interval = f" (95 % interval {format_interval(lms.ci)})" if lms.ci else ""
    undecided = "; undecided" if lms.ci and not lms.is_decided else ""
    return f"LMS changed by {format_signed(lms.delta)} points{interval}{undecided}."


def _other_domains(
    comparison: BeforeAfter, benchmark: str, main: DomainChange, trained: list[str]
) -> str:
    """Sentences on the other domains: those that were forgotten, too, and those that were not."""
    if not trained or main.domain == ALL:
        return ""
    others = [change for change in comparison.single(benchmark) if change is not main]
    forgotten = [change for change in others if is_about(benchmark, change.domain, trained)]
    rest = [change for change in others if change not in forgotten]
    sentences = []
    if forgotten:
        sentences.append(f"Other forgotten domains: {_list_verdicts(forgotten)}.")
    if rest:
        sentences.append(f"Domains that were not forgotten: {_list_verdicts(rest)}.")
    return " ".join(sentences)


def _list_verdicts(changes: Sequence[DomainChange]) -> str:
    """Domains by verdict: "bias fell for race; undecided for gender and religion"."""
    parts = []
    for verdict, words in (
        ("less", "bias fell for {}"),
        ("more", "bias rose for {}"),
        ("undecided", "undecided for {}"),
    ):
        names = [domain_name(c.domain).lower() for c in changes if c.verdict == verdict]
        if names:
            parts.append(words.format(join_words(names)))
    return "; ".join(parts)
