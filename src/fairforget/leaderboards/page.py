"""The report page of a leaderboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairforget.leaderboards.cost_tables import costs_table, papers_table
from fairforget.leaderboards.effects import depends_on_seed, most_seeds
from fairforget.leaderboards.given_weights import is_given
from fairforget.leaderboards.headline import headline
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.leaderboards.tables import bias_scores, domains_table, make_parts
from fairforget.methods import METHODS
from fairforget.records.paths import LEADERBOARD
from fairforget.records.store import read_record
from fairforget.report.evidence import Intervals, list_choices, list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.wording import NONE, flatten, join_words
from fairforget.settings import DebiasSettings, StudySettings

TEMPLATE = "leaderboard.html.j2"
UNTUNED = (
    "The other methods were not tuned in this way: they follow their papers or use fixed "
    f"defaults. By default, trait-kl trains for {DebiasSettings.steps} steps, the other unlearning "
    f"methods for {StudySettings.steps}; in each step, it also retains four times as many texts, "
    "with twice the weight, among them texts of the kinds on which the limits are measured and, "
    "for causal models, facts. Methods that the limits scale back were not trained again with a "
    "smaller learning rate."
)


def read(directory: Path) -> LeaderboardRecord:
    """Return the leaderboard in a directory."""
    return read_record(directory / LEADERBOARD, LeaderboardRecord)


def context(record: LeaderboardRecord) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "headline": headline(record),
        "seeds": describe_seeds(record),
        "parts_by_cost": make_parts(record),
        "costs": [table for model in record.models if (table := costs_table(record, model)).rows],
        "papers": papers_table(record),
        "by_domain": [
            table
            for model in record.models
            for score in bias_scores(record)
            if (table := domains_table(record, model, *score)).rows
        ],
        "failed": [(failure.run, failure.summary or NONE) for failure in record.failed],
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
    text = "Each method was run with one seed: intervals cover the choice of items only"
    random = any(map(depends_on_seed, record.methods))
    return f"{text}; another seed would give different numbers." if random else f"{text}."


def limitations(record: LeaderboardRecord) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of what a reader must know to judge the results."""
    names = dict.fromkeys(effect.benchmark for effect in record.effects)
    compared = list(dict.fromkeys(effect.method for effect in record.effects))
    tuned = [n for n in compared if n in METHODS and METHODS[n].uses_unlearn_defaults]
    given = [name for name in compared if is_given(name)]
    others = len(compared) > len(tuned) + len(given)
    for title, text in list_choices(next(iter(tuned), None), names):
        yield title, f"{text} {UNTUNED}" if others else text
    if given:
        yield (
            "Models that were debiased by other means.",
            f"It is not known on which data the weights of {join_words(given)} were trained and "
            "tuned; these data may include items of these benchmarks.",
        )
    kind: Intervals = "study" if most_seeds(record) > 1 else "changes"
    yield from list_limitations(names, kind, verdicts=False)  # they are reached in another way
    yield (
        "Several methods are tested.",
        "Verdicts compare a method with the original. A verdict requires an interval that excludes "
        "0 and p < 0.05 after Holm’s correction, which covers all methods (for single domains, all "
        "methods and domains) of a score, separately within the budget and at full strength. "
        "Methods are not tested against each other; a title that says “most” means that the "
        "interval of a method lies below those of all others. To compare two methods, use the "
        "interval of their paired difference; overlapping intervals are inconclusive. The command "
        "“fairforget compare” computes it from two evaluations in "
        f"“runs”{', which have one seed each' if most_seeds(record) > 1 else ''}.",
    )
