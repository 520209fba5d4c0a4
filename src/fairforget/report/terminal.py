"""A table of a report in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.report.tables import Table
from fairforget.tables import make_table, print_content


def print_table(table: Table, title: str = "", *, hidden: Sequence[str] = ()) -> None:
    """Print a table.

    Args:
        table: of a report.
        title: the title; by default, the table's caption.
        hidden: titles of columns to leave out.
    """
    columns = [n for n, column in enumerate(table.columns) if column.title not in hidden]
    shown = make_table(title or table.caption, [table.columns[n].title for n in columns])
    for column in shown.columns[1:]:
        column.no_wrap = False  # else 80 columns cut off the names and intervals
    for row in table.rows:
        shown.add_row(*(str(row[n]) for n in columns))
    print_content(shown)
