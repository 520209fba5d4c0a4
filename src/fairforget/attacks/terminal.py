"""A durability measurement as tables in the terminal."""

from __future__ import annotations

from fairforget.attacks.page import headline, main_score
from fairforget.attacks.record import DurabilityRecord
from fairforget.attacks.tables import effects_table, half_lives_table
from fairforget.report.tables import Table
from fairforget.tables import make_table, print_content, print_lines


def show_durability(record: DurabilityRecord) -> None:
    """Show what is left of the effect in the domains that were unlearned, and the half-lives."""
    score = main_score(record)
    for domain in record.domains:
        _show(effects_table(record, score, domain))
    if half_lives := half_lives_table(record, score):
        _show(half_lives)
    print_lines(headline(record).sentences)


def _show(table: Table) -> None:
    if not table.rows:
        return
    shown = make_table(table.caption, [column.title for column in table.columns])
    for column in shown.columns[1:]:
        column.no_wrap = False  # else 80 columns cut off the intervals
    for row in table.rows:
        shown.add_row(*map(str, row))
    print_content(shown)
