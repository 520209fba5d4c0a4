"""A leaderboard as tables in the terminal."""

from __future__ import annotations

from fairforget.leaderboards.cost_tables import costs_table
from fairforget.leaderboards.headline import headline
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.leaderboards.tables import make_parts
from fairforget.report.terminal import print_table
from fairforget.terminal.tables import print_lines


def show_leaderboard(record: LeaderboardRecord) -> None:
    """Show the effects of all methods at each cost, the costs, and the verdicts."""
    for part in make_parts(record):
        print_table(part.table, part.title)
    for model in record.models:
        if (table := costs_table(record, model)).rows:
            print_table(table, f"Cost, {model}")
    print_lines(headline(record).sentences)
    print_lines([f"{failure.run} failed: {failure.summary}" for failure in record.failed])
