"""The limits of the budget in words, and which of them each method came nearest to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fairforget.leaderboards.plan import EQUAL
from fairforget.leaderboards.record import LeaderboardRecord, Row
from fairforget.records.records import MAIN
from fairforget.report.wording import NONE, format_number, join_words
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY

MOVED = "movement"
PERPLEXITIES = {MAIN: "Wikipedia perplexity", EVERYDAY_PERPLEXITY: "everyday perplexity"}
"""Name of a perplexity in a record → its name in a table."""


def describe_budget(record: LeaderboardRecord, model: str) -> str:
    """Return what "within the budget" means on a model, with the limits in a record's settings."""
    equal = [row for row in record.rows if (row.model, row.cost) == (model, EQUAL)]
    measured = {name for row in equal for name in row.ratios}
    if any(row.movement is not None for row in equal):
        measured.add(MOVED)
    budget = record.settings.get("budget", {})
    limits = list(_limits({name: value for name, value in budget.items() if name in measured}))
    limits = limits or ["a limit on the cost"]
    return (
        f"All methods that change weights have the same limits: {join_words(limits)}. The weights "
        "are interpolated with those of the original (α > 1: extrapolated) until a limit or "
        "the largest α (1 for projections) is reached. Methods therefore stop at different "
        "limits, which the table of costs shows."
    )


def nearest_limit(row: Row, budget: Mapping[str, Any]) -> str:
    """Return the limit of which a result used the largest share, and that share in %.

    Args:
        row: within the budget.
        budget: the limits, from the settings of a record.
    """
    shares = {
        PERPLEXITIES[name]: (ratio - 1) / (budget[name] - 1)
        for name, ratio in row.ratios.items()
        if budget.get(name, 1) > 1
    }
    if row.movement is not None and budget.get("movement"):
        shares[MOVED] = row.movement / budget["movement"]
    name = max(shares, key=lambda name: shares[name], default="")
    if not name or shares[name] <= 0:
        return NONE
    return f"{name}, {format_number(100 * shares[name], 0)} %"


def _limits(budget: Mapping[str, Any]) -> Iterator[str]:
    ratios = {name: budget[name] for name in PERPLEXITIES if name in budget}
    rises = {name: f"{round(100 * (ratio - 1), 6):g} %" for name, ratio in ratios.items()}
    if len(rises) == 1 and MAIN in rises:
        yield f"a rise in perplexity of {rises[MAIN]} on held-out Wikipedia passages"
    elif len(set(rises.values())) == 1:
        yield f"a rise in perplexity of {rises[MAIN]} on either kind of held-out text"
    elif rises:
        yield (
            f"a rise in perplexity of {rises[MAIN]} on held-out Wikipedia passages or "
            f"{rises[EVERYDAY_PERPLEXITY]} on everyday sentences"
        )
    if movement := budget.get("movement"):
        yield f"a movement (mean KL divergence from the original) of {movement:g} nats per token"
