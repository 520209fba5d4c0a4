"""Tables of single items: those that changed most, or those with the strongest preference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.options import base_name
from fairforget.errors import InputError
from fairforget.report.tables import Blurred, Column, Table
from fairforget.report.wording import NONE, benchmark_name, domain_name, format_signed

MAX_ITEMS = 10
"""Rows of a table of items."""

_SENTENCES = {
    "stereoset": ("stereotype", "anti_stereotype"),
    "crows_pairs": ("sent_more", "sent_less"),
    "winobias": ("pro", "anti"),
    "winogender": ("pro", "anti"),
}
_SCORES = {
    "stereoset": ("score_stereotype", "score_anti_stereotype"),
    "crows_pairs": ("score_more", "score_less"),
    "winobias": ("sum_pro", "sum_anti"),
    "winogender": ("sum_pro", "sum_anti"),
}
_NOTE = (
    "Preference: the stereotype’s score minus the anti-stereotype’s (mean log-probability per "
    "token in nats, unless the protocol says otherwise; WinoBias and Winogender: summed). Above 0, "
    "the stereotype is more likely."
)


def pair_rows(benchmark: str, before: Sequence[Row], after: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The items of a benchmark that are on both sides, each before and after."""
    old = {_identity(row): row for row in before if row.get("benchmark") == benchmark}
    return [
        (old[_identity(row)], row)
        for row in after
        if row.get("benchmark") == benchmark and _identity(row) in old
    ]


def changed_items(benchmark: str, before: Sequence[Row], after: Sequence[Row]) -> list[Table]:
    """The items whose preference moved most, away from the stereotype and towards it."""
    if base_name(benchmark) not in _SCORES:
        return []
    changes = sorted(
        (
            (_preference(benchmark, new) - _preference(benchmark, old), old, new)
            for old, new in pair_rows(benchmark, before, after)
        ),
        key=lambda change: (change[0], _identity(change[2])),
    )
    columns = [
        Column("Domain and term"),
        Column("Change", numeric=True),
        Column("Before", numeric=True),
        Column("After", numeric=True),
        Column("Stereotype"),
        Column("Anti-stereotype"),
    ]
    name = benchmark_name(benchmark)
    halves = [
        (f"{name}: largest changes away from the stereotype", [c for c in changes if c[0] < 0]),
        (f"{name}: largest changes towards it", [c for c in reversed(changes) if c[0] > 0]),
    ]
    return [
        Table(
            caption=caption,
            columns=columns,
            rows=[
                [
                    _heading(new),
                    format_signed(change, 2),
                    format_signed(_preference(benchmark, old), 2),
                    format_signed(_preference(benchmark, new), 2),
                    *_texts(benchmark, new),
                ]
                for change, old, new in half[:MAX_ITEMS]
            ],
            note=_NOTE,
        )
        for caption, half in halves
        if half
    ]


def strongest_items(benchmark: str, items: Sequence[Row]) -> list[Table]:
    """The items in which the stereotype is most preferred."""
    if base_name(benchmark) not in _SCORES:
        return []
    rows = sorted(
        (
            row
            for row in items
            if row.get("benchmark") == benchmark and _preference(benchmark, row) > 0
        ),
        key=lambda row: (-_preference(benchmark, row), _identity(row)),
    )
    if not rows:
        return []
    return [
        Table(
            caption=f"{benchmark_name(benchmark)}: strongest preference for the stereotype",
            columns=[
                Column("Domain and term"),
                Column("Preference", numeric=True),
                Column("Stereotype"),
                Column("Anti-stereotype"),
            ],
            rows=[
                [
                    _heading(row),
                    format_signed(_preference(benchmark, row), 2),
                    *_texts(benchmark, row),
                ]
                for row in rows[:MAX_ITEMS]
            ],
            note=_NOTE,
        )
    ]


def score_item(benchmark: str, row: Row, score: Callable[[Row], float]) -> float:
    """Return a score of an item.

    Args:
        benchmark: with options.
        row: the item.
        score: computes the score from the item's fields.

    Raises:
        InputError: a field is missing, or not a number.
    """
    try:
        return score(row)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{benchmark} item {row.get('id')!r} has no valid score: {error}; evaluate again"
        ) from error


def _preference(benchmark: str, row: Row) -> float:
    stereotype, anti_stereotype = _SCORES[base_name(benchmark)]
    return score_item(
        benchmark, row, lambda item: float(item[stereotype]) - float(item[anti_stereotype])
    )


def _heading(row: Row) -> str:
    domain = domain_name(str(row.get("domain", NONE)))
    return f"{domain} · {row['term']}" if row.get("term") else domain


def _texts(benchmark: str, row: Row) -> list[Blurred]:
    return [Blurred(str(row.get(name, NONE))) for name in _SENTENCES[base_name(benchmark)]]


def _identity(row: Row) -> tuple[str, str]:
    return str(row.get("domain")), str(row.get("id"))
