"""Look up the rows and effects of a leaderboard, with their standard words."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.options import base_name
from fairforget.leaderboards.given_weights import is_given
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect, Row
from fairforget.methods import METHODS

COSTS = {EQUAL: "within the budget", PUBLISHED: "at full strength"}
"""Cost → its words; the cost at which methods are best compared comes first."""


def overall_effects(
    record: LeaderboardRecord, model: str
) -> dict[tuple[str, str, str, str], MethodEffect]:
    """Return (method, cost, benchmark, measure) → the effect over all domains.

    Benchmarks are listed under their base name, except those of lm-eval, which have many tasks. If
    several share one, the first is used.
    """
    effects: dict[tuple[str, str, str, str], MethodEffect] = {}
    for e in record.effects:
        if e.model == model and e.domain == ALL:
            base = base_name(e.benchmark)
            name = e.benchmark if base == "lm-eval" else base
            effects.setdefault((e.method, e.cost, name, e.measure), e)
    return effects


def list_methods(record: LeaderboardRecord, model: str) -> list[str]:
    """Return the finished methods of one model in order, with the original among them."""
    return list(dict.fromkeys(row.method for row in record.rows if row.model == model))


def methods_at(record: LeaderboardRecord, model: str, cost: str) -> list[str]:
    """Return the finished methods of one model at one cost, without the original."""
    at_cost = {row.method for row in record.rows if (row.model, row.cost) == (model, cost)}
    return [name for name in list_methods(record, model) if name in at_cost and name != ORIGINAL]


def inference_methods(record: LeaderboardRecord, model: str) -> list[str]:
    """Return the finished methods of one model that act at inference: no budget limits them."""
    return [
        name
        for name in methods_at(record, model, PUBLISHED)
        if record.methods[name].change == "inference"
    ]


def runs_of(record: LeaderboardRecord, model: str, method: str, cost: str) -> Sequence[Row]:
    """Return the rows of one method on one model at one cost, by seed."""
    key = (model, method, cost)
    return [row for row in record.rows if (row.model, row.method, row.cost) == key]


def perplexity_change(record: LeaderboardRecord, model: str, method: str, cost: str) -> float:
    """Return the mean over seeds of the less favourable of the changes in perplexity, in %."""
    runs = runs_of(record, model, method, cost)
    return 100 * (fmean(max(row.ratios.values()) for row in runs) - 1)


def name_method(record: LeaderboardRecord, method: str) -> str:
    """Return the name of a method, or of the original, with a remark if it is a control."""
    is_control = method != ORIGINAL and record.methods[method].is_control
    return f"{method} (control)" if is_control else method


def model_suffix(record: LeaderboardRecord, model: str) -> str:
    """Return ", MODEL" for the end of a title; empty if the leaderboard has only one model."""
    return f", {model}" if len(record.models) > 1 else ""


def depends_on_seed(method: str) -> bool:
    """Return whether a method's result depends on the seed; assumed of one that is not known."""
    return METHODS[method].is_seeded if method in METHODS else not is_given(method)


def seed_counts(record: LeaderboardRecord) -> set[int]:
    """Return the numbers of seeds that methods were run with on a model at a cost."""
    return {
        len(runs_of(record, model, method, cost))
        for model in record.models
        for cost in COSTS
        for method in methods_at(record, model, cost)
    }


def most_seeds(record: LeaderboardRecord) -> int:
    """Return the largest number of seeds that a number is a mean over; 0 without methods."""
    return max(seed_counts(record), default=0)
