"""Which items changed most, or, with one evaluation, which show the strongest preference."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.benchmarks.measurement import Row
from fairforget.errors import InputError
from fairforget.report.tables import Blurred, Column, Table
from fairforget.report.wording import NONE, base_name, benchmark_name, domain_name, format_signed

SHOWN = 10

_SENTENCES = {
    "stereoset": ("stereotype", "anti_stereotype"),
    "crows_pairs": ("sent_more", "sent_less"),
}
_SCORES = {
    "stereoset": ("score_stereotype", "score_anti_stereotype"),
    "crows_pairs": ("score_more", "score_less"),
}
_NOTE = (
    "Preference: the stereotype’s score minus its opposite’s, as the protocol scores them (mean "
    "log-probability per token, in nats, unless it says otherwise). Above 0, the model finds the "
    "stereotype likelier."
)


def changed_items(benchmark: str, before: Sequence[Row], after: Sequence[Row]) -> list[Table]:
    """The items whose preference moved furthest away from and towards the stereotype."""
    if base_name(benchmark) not in _SCORES:
        return []
    earlier = {_identity(row): row for row in before if row.get("benchmark") == benchmark}
    pairs = [
        (earlier[_identity(row)], row)
        for row in after
        if row.get("benchmark") == benchmark and _identity(row) in earlier
    ]
    moved = sorted(
        ((_margin(benchmark, new) - _margin(benchmark, old), old, new) for old, new in pairs),
        key=lambda move: (move[0], _identity(move[2])),
    )
    columns = [
        Column("Domain and term"),
        Column("Change", numeric=True),
        Column("Before", numeric=True),
        Column("After", numeric=True),
        Column("Stereotype"),
        Column("Opposite"),
    ]
    name = benchmark_name(benchmark)
    halves = [
        ("away", f"{name}: furthest away from the stereotype", [m for m in moved if m[0] < 0]),
        ("towards", f"{name}: furthest towards it", [m for m in reversed(moved) if m[0] > 0]),
    ]
    return [
        Table(
            caption=caption,
            columns=columns,
            rows=[
                [
                    _place(new),
                    format_signed(change, 2),
                    format_signed(_margin(benchmark, old), 2),
                    format_signed(_margin(benchmark, new), 2),
                    *_texts(benchmark, new),
                ]
                for change, old, new in chosen[:SHOWN]
            ],
            note=_NOTE,
        )
        for side, caption, chosen in halves
        if chosen
    ]


def strongest_items(benchmark: str, items: Sequence[Row]) -> list[Table]:
    """The items in which the stereotype is most preferred."""
    if base_name(benchmark) not in _SCORES:
        return []
    mine = sorted(
        (row for row in items if row.get("benchmark") == benchmark),
        key=lambda row: (-_margin(benchmark, row), _identity(row)),
    )
    if not mine:
        return []
    return [
        Table(
            caption=f"{benchmark_name(benchmark)}: strongest preference for the stereotype",
            columns=[
                Column("Domain and term"),
                Column("Preference", numeric=True),
                Column("Stereotype"),
                Column("Opposite"),
            ],
            rows=[
                [_place(row), format_signed(_margin(benchmark, row), 2), *_texts(benchmark, row)]
                for row in mine[:SHOWN]
            ],
            note=_NOTE,
        )
    ]


def _margin(benchmark: str, row: Row) -> float:
    try:
        stereotype, opposite = (float(row[name]) for name in _SCORES[base_name(benchmark)])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{benchmark} item {row.get('id')!r} lacks a score: {error}") from error
    return stereotype - opposite


def _place(row: Row) -> str:
    domain = domain_name(str(row.get("domain", NONE)))
    return f"{domain} · {row['term']}" if row.get("term") else domain


def _texts(benchmark: str, row: Row) -> list[Blurred]:
    return [Blurred(str(row.get(name, NONE))) for name in _SENTENCES[base_name(benchmark)]]


def _identity(row: Row) -> tuple[str, str]:
    return str(row.get("domain")), str(row.get("id"))
