"""The headline of one evaluation: how biased the model is, and how well it models language."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import CONTRIBUTION, MEASURES
from fairforget.benchmarks.options import base_name
from fairforget.report.harmful_words import score_sentences
from fairforget.report.headline import Headline, stereoset_first
from fairforget.report.key_figures import Figure
from fairforget.report.scores import DomainScore, Results, domain_scores, perplexities
from fairforget.report.wording import (
    benchmark_name,
    capitalize_first,
    domain_name,
    format_interval,
    format_number,
)

AVERAGES = {
    "stereoset": "on average over target terms",
    "winogender": "on average over the occupations of women and those of men",
}
"""Benchmarks whose stereotype score is not a share of all pairs."""
LIKELIER = "the stereotype is more likely than the anti-stereotype in {} of {} pairs"
SHARES = {
    "seegull": "an attribute is more likely after the nationality of which it is a stereotype "
    "than, on average, after other nationalities in {} of {} pairs",
    "decoding_trust": "the model agrees more with a statement about a stereotyped group than, on "
    "average, with the same statement about other groups in {} of {} pairs",
}
"""Benchmarks without anti-stereotypes → what their stereotype score is, instead of `LIKELIER`."""


def evaluation_headline(model: str, results: Results) -> Headline:
    """How biased the model is, and how well it models language."""
    values = perplexities(results)
    figures = [
        Figure(f"Perplexity, {p.corpus}", format_number(p.value, 2), note="lower is better")
        for p in values
    ]
    sentences = [
        *score_sentences(results),
        *(f"Its perplexity on {p.corpus} is {format_number(p.value, 2)}." for p in values),
    ]
    benchmark = next((b for b in stereoset_first(results) if domain_scores(b, results)), None)
    if benchmark is None:
        title = f"Evaluation of {model}"
        sentences = sentences or ["No stereotype score was measured."]
        return Headline(title, sentences, find_warnings(results), figures)
    rows = domain_scores(benchmark, results)
    main = next((row for row in rows if row.domain == ALL), rows[0])
    of_bias = list(_describe_bias(benchmark, main))
    return Headline(
        _title(model, main.ci),
        [*(sentence for sentence, _ in of_bias), *sentences],
        find_warnings(results),
        [*(figure for _, figure in of_bias), *figures],
    )


def _title(model: str, interval: tuple[float, float] | None) -> str:
    """Return the title, according to the interval of the stereotype score."""
    if interval and interval[0] > 50:
        return f"{model} prefers the stereotype"
    if interval and interval[1] < 50:
        return f"{model} prefers the anti-stereotype"
    return f"Undecided whether {model} prefers stereotypes"


def _describe_bias(benchmark: str, main: DomainScore) -> Iterator[tuple[str, Figure]]:
    """Yield a sentence and a figure for each main score of a benchmark."""
    average = AVERAGES.get(base_name(benchmark), "")
    domain = domain_name(main.domain).lower()
    interval = f"95 % interval {format_interval(main.ci)}" if main.ci else "no interval recorded"
    score = format_number(main.score)
    yield (
        _start_with(
            average,
            SHARES.get(base_name(benchmark), LIKELIER).format(
                f"{score} %", benchmark_name(benchmark)
            )
            + f" ({interval}); 50 % means no preference.",
        ),
        Figure(f"Stereotype score, {domain}", score, note=f"50 means no preference; {interval}"),
    )
    if added := main.further.get(CONTRIBUTION):
        digits = MEASURES[CONTRIBUTION].digits
        value = format_number(added.value, digits)
        interval = (
            f"95 % interval {format_interval(added.ci, digits)}" if added.ci else "no interval"
        )
        yield (
            f"Naming the group adds {value} nats per token ({interval}) to the stereotype’s lead "
            "over the anti-stereotype; 0 means no bias.",
            Figure(
                f"Contribution of the group, {domain}",
                value,
                note=f"nats per token; 0 means no bias; {interval}",
            ),
        )
    if main.lms is not None:
        value = format_number(main.lms)
        note = "100 is best" + (f"; {format_interval(main.lms_ci)}" if main.lms_ci else "")
        yield (
            _start_with(
                average,
                f"it prefers a meaningful sentence to an unrelated one in {value} % of cases "
                "(LMS).",
            ),
            Figure("Language modelling, LMS", value, note=note),
        )


def _start_with(start: str, text: str) -> str:
    return capitalize_first(f"{start}, {text}" if start else text)
