"""A leaderboard as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.leaderboards.page import headline
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.leaderboards.tables import PAPER, costs_table, make_parts
from fairforget.report.tables import Table
from fairforget.tables import make_table, print_content, print_lines


def show_leaderboard(record: LeaderboardRecord) -> None:
    """Show the scores of all methods at each cost, the costs, and the verdicts."""
    for part in make_parts(record):
        _show(part.table, part.title)
    for model in record.models:
        _show(costs_table(record, model), f"Cost, {model}", hidden=(PAPER,))
    print_lines(headline(record).sentences)
    print_lines([f"{failure.run} failed: {failure.error}" for failure in record.failed])


def _show(table: Table, title: str, hidden: Sequence[str] = ()) -> None:
    columns = [n for n, column in enumerate(table.columns) if column.title not in hidden]
    shown = make_table(title, [table.columns[n].title for n in columns])
    for column in shown.columns[1:]:
        column.no_wrap = False  # else 80 columns cut off the names and intervals
    for row in table.rows:
        shown.add_row(*(str(row[n]) for n in columns))
    print_content(shown)
