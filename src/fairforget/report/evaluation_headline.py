"""The headline of one evaluation: how biased the model is, and how well it models language."""

from __future__ import annotations

from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import CONTRIBUTION, MEASURES
from fairforget.benchmarks.options import base_name
from fairforget.report.harmful_words import score_sentences
from fairforget.report.headline import Figure, Headline, stereoset_first
from fairforget.report.scores import Results, domain_scores, perplexities
from fairforget.report.wording import (
    benchmark_name,
    domain_name,
    format_interval,
    format_number,
)

AVERAGES = {
    "stereoset": "on average over target terms",
    "winogender": "on average over the occupations of women and those of men",
}
"""Benchmarks whose stereotype score is not a share of all pairs."""


def evaluation_headline(model: str, results: Results) -> Headline:
    """How biased the model is, and how well it models language."""
    digits = MEASURES[CONTRIBUTION].digits
    benchmark = next((b for b in stereoset_first(results) if domain_scores(b, results)), None)
    values = perplexities(results)
    figures = [
        Figure(f"Perplexity, {p.corpus}", format_number(p.value, 2), note="lower is better")
        for p in values
    ]
    sentences = [
        *score_sentences(results),
        *(f"Its perplexity on {p.corpus} is {format_number(p.value, 2)}." for p in values),
    ]
    if benchmark is None:
        title = f"Evaluation of {model}"
        return Headline(title, sentences or ["No stereotype score was measured."], [], figures)
    rows = domain_scores(benchmark, results)
    main = next((row for row in rows if row.domain == ALL), rows[0])
    if main.ci and main.ci[0] > 50:
        title = f"{model} prefers the stereotype"
    elif main.ci and main.ci[1] < 50:
        title = f"{model} prefers the anti-stereotype"
    else:
        title = f"Undecided whether {model} prefers stereotypes"
    interval = f"95 % interval {format_interval(main.ci)}" if main.ci else "no interval recorded"
    average = AVERAGES.get(base_name(benchmark), "")
    sentence = _start_with(
        average,
        "the stereotype is more likely than the anti-stereotype in "
        f"{format_number(main.score)} % of {benchmark_name(benchmark)} pairs ({interval}); 50 % "
        "means no preference.",
    )
    figures.insert(
        0,
        Figure(
            f"Stereotype score, {domain_name(main.domain).lower()}",
            format_number(main.score),
            note=f"50 means no preference; {interval}",
        ),
    )
    if main.lms is not None:
        sentences.insert(
            0,
            _start_with(
                average,
                "it prefers a meaningful sentence to a meaningless one in "
                f"{format_number(main.lms)} % of cases (LMS).",
            ),
        )
        note = "100 is best" + (f"; {format_interval(main.lms_ci)}" if main.lms_ci else "")
        figures.insert(1, Figure("Language modelling, LMS", format_number(main.lms), note=note))
    if added := main.further.get(CONTRIBUTION):
        value = format_number(added.value, digits)
        interval = (
            f"95 % interval {format_interval(added.ci, digits)}" if added.ci else "no interval"
        )
        sentences.insert(
            0,
            f"Naming the group adds {value} nats per token ({interval}) to the stereotype’s lead "
            "over the anti-stereotype; 0 means no bias.",
        )
        figures.insert(
            1,
            Figure(
                f"Contribution of the group, {domain_name(main.domain).lower()}",
                value,
                note=f"nats per token; 0 means no bias; {interval}",
            ),
        )
    return Headline(title, [sentence, *sentences], find_warnings(results), figures)


def _start_with(start: str, text: str) -> str:
    sentence = f"{start}, {text}" if start else text
    return sentence[:1].upper() + sentence[1:]
