"""The report page of a leaderboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairforget.benchmarks.options import base_name
from fairforget.leaderboards.costs import costs_table, papers_table
from fairforget.leaderboards.effects import most_seeds
from fairforget.leaderboards.headline import headline
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.leaderboards.tables import bias_scores, domains_table, make_parts
from fairforget.methods import METHODS
from fairforget.records.paths import LEADERBOARD
from fairforget.records.store import read_record
from fairforget.report.evidence import VERDICTS, Intervals, list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.wording import NONE, benchmark_name, flatten, join_words

TEMPLATE = "leaderboard.html.j2"
TUNED_ON = (
    "stereoset",
    "crows_pairs",
    "winobias",
    "winogender",
    "group_facts",
    "harmful_words",
)
"""Benchmarks by which the default settings of `unlearn` were chosen: see the settings in
docs/pages/results/default.md."""


def read(directory: Path) -> LeaderboardRecord:
    """Return the leaderboard in a directory."""
    return read_record(directory / LEADERBOARD, LeaderboardRecord)


def context(record: LeaderboardRecord) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "headline": headline(record),
        "seeds": describe_seeds(record),
        "parts_by_cost": make_parts(record),
        "costs": [costs_table(record, model) for model in record.models],
        "papers": papers_table(record),
        "by_domain": [
            domains_table(record, model, *score)
            for model in record.models
            for score in bias_scores(record)
        ],
        "failed": [(failure.run, failure.last_line or NONE) for failure in record.failed],
        "settings": pairs_table("Settings", flatten(record.settings)),
        "limitations": list(limitations(record)),
    }


def describe_seeds(record: LeaderboardRecord) -> str:
    """Return what the intervals cover."""
    if (seeds := most_seeds(record)) > 1:
        return (
            f"Results are means over up to {seeds} seeds; intervals cover items and, for methods "
            "with two or more seeds, seeds."
        )
    return (
        "Each method was run with one seed: intervals cover the choice of items only; another seed "
        "gives different numbers."
    )


def limitations(record: LeaderboardRecord) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of what a reader must know to judge the results."""
    if tuned := _describe_tuning(record):
        yield "Settings chosen on the benchmarks.", tuned
    names = dict.fromkeys(effect.benchmark for effect in record.effects)
    kind: Intervals = "study" if most_seeds(record) > 1 else "changes"
    # that text is about two evaluations, whose verdicts are reached in another way
    yield from (row for row in list_limitations(names, kind) if row[0] != VERDICTS[0])
    yield (
        "Several methods are tested.",
        "Verdicts compare a method with the original. They need an interval that excludes 0 and p "
        "< 0.05 after Holm’s correction over the methods (for single domains, over methods and "
        "domains) of one score at one cost. Methods are not tested against each other. To compare "
        "two methods, use the interval of their paired difference; overlapping intervals decide "
        "nothing. The command “fairforget compare” computes it from two evaluations in “runs”.",
    )


def _describe_tuning(record: LeaderboardRecord) -> str:
    """Return which methods had their settings chosen on which of the benchmarks; or nothing."""
    compared = list(dict.fromkeys(effect.method for effect in record.effects))
    tuned = [n for n in compared if n in METHODS and METHODS[n].uses_unlearn_defaults]
    names = dict.fromkeys(effect.benchmark for effect in record.effects)
    titles = [benchmark_name(name) for name in names if base_name(name) in TUNED_ON]
    if not tuned or not titles:
        return ""
    text = (
        f"The default settings of {join_words(tuned)} were chosen partly on items of "
        f"{join_words(titles)}, so its effects are optimistic."
    )
    if len(compared) > len(tuned):
        text += (
            " No such search was made for the other methods, which follow their papers or have "
            "fixed defaults."
        )
    return text
