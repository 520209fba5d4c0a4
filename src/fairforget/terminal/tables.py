"""Tables and paragraphs in the terminal: 80 columns, no colour where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table

from fairforget.terminal.messages import one_line


class _Console(Console):
    """Raises `BrokenPipeError`, which `Console` replaces by an exit with status 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise


def make_table(title: str, columns: Iterable[str]) -> Table:
    """An empty table for the terminal."""
    table = Table(
        title=one_line(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def printed_by(show: Callable[[], None]) -> str:
    """Return what a function prints."""
    with redirect_stdout(StringIO()) as output:
        show()
    return output.getvalue().rstrip()


def print_content(content: object, *, stderr: bool = False) -> None:
    """Print a table or text, wrapped to the width of the terminal."""
    console = _Console(highlight=False, soft_wrap=False, markup=False, emoji=False, stderr=stderr)
    console.print(content)


def print_lines(lines: Iterable[str]) -> None:
    """Print texts, each as one paragraph."""
    for line in lines:
        print_content(one_line(line))
