"""The key numbers of a before/after page, shown below its headline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairforget.benchmarks.measures import CONTRIBUTION, MEASURES
from fairforget.report.before_after import BeforeAfter, DomainChange
from fairforget.report.wording import (
    domain_name,
    format_number,
    format_signed,
    format_with_interval,
    measured_text,
)

DIGITS = MEASURES[CONTRIBUTION].digits


@dataclass(frozen=True, slots=True)
class Figure:
    """A key number, and how to read it."""

    name: str
    value: str
    before: str = ""
    note: str = ""


def change_figures(
    comparison: BeforeAfter, main: DomainChange, ratios: Mapping[str, float]
) -> list[Figure]:
    """The bias and the contribution in the main domain, LMS and perplexities, each with its change.

    Args:
        comparison: before against after.
        main: the domain that the headline is about.
        ratios: perplexity ratios of the budget, by constraint; used if no perplexity was evaluated.
    """
    score = main.paired.score if main.paired else None
    figures = [
        Figure(
            f"Stereotype score, {domain_name(main.domain).lower()}",
            format_number(score.after if score else main.after.score),
            format_number(score.before if score else main.before.score),
            "50 means no preference; change "
            + format_with_interval(main.delta, score.shown_ci if score else None, signed=True),
        )
    ]
    if added := main.further.get(CONTRIBUTION):
        delta = format_with_interval(
            added.change.delta, added.change.shown_ci, signed=True, digits=DIGITS
        )
        figures.append(
            Figure(
                f"Contribution of the group, {domain_name(main.domain).lower()}",
                format_number(added.after.value, DIGITS),
                format_number(added.before.value, DIGITS),
                f"nats per token; 0 means no bias; change {delta}",
            )
        )
    total = comparison.language()
    if total and (lms := total.lms):
        figures.append(
            Figure(
                "Language modelling, LMS",
                format_number(lms.after),
                format_number(lms.before),
                f"100 is best; change {format_with_interval(lms.delta, lms.shown_ci, signed=True)}",
            )
        )
    for p in comparison.perplexity:
        figures.append(
            Figure(
                f"Perplexity, {p.corpus}",
                format_number(p.after, 2),
                format_number(p.before, 2),
                f"lower is better; change {format_signed(p.percent)} %",
            )
        )
    if not comparison.perplexity:
        figures += [
            Figure(
                f"Perplexity, {measured_text(name)}",
                f"{format_signed((ratio - 1) * 100)} %",
                note="change relative to the original; lower is better",
            )
            for name, ratio in ratios.items()
        ]
    return figures
