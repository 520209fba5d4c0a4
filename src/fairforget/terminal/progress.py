"""Progress bars on stderr, or plain lines if stderr is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from fairforget.terminal.messages import count_of, is_quiet, print_stderr

Advance = Callable[..., None]
SECONDS_BETWEEN_LINES = 30.0
"""Minimum interval between progress lines."""
_CONSOLE: ContextVar[Console | None] = ContextVar("_CONSOLE", default=None)
"""The console of the outer bars; bars on different consoles overwrite each other."""


@contextmanager
def progress_bar(
    description: str, total: int | None = None, *, unit: str = ""
) -> Iterator[Advance]:
    """Show progress; yields `advance(by=1, note="", total=None)`.

    Args:
        description: label of the bar.
        total: number of steps; `advance` may set it later. Until then only those done are shown.
        unit: what is counted, such as "evaluation"; shown where there is no total.
    """
    if is_quiet():
        yield lambda by=1, note="", total=None: None
        return
    console = _CONSOLE.get() or Console(stderr=True)
    if not console.is_terminal:
        yield from _print_lines(description, total, unit)
        return
    token = _CONSOLE.set(console)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Position(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(description, total=total, note="")

            def advance(by: int = 1, note: str = "", total: int | None = None) -> None:
                progress.update(task, advance=by, total=total)
                if note:
                    progress.update(task, note=note)

            yield advance
    finally:
        _CONSOLE.reset(token)


class _Position(MofNCompleteColumn):
    """The steps done, "4/7"; those of a task without a total, "4 evaluations"."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        if task.total is None:
            return Text(_position(int(task.completed), None, self.unit), "progress.download")
        return super().render(task)


def _position(done: int, total: int | None, unit: str) -> str:
    """Return "4/7"; without a total "4 evaluations", or "4" without a unit."""
    if total:
        return f"{done}/{total}"
    return count_of(done, unit) if unit else str(done)


def _print_lines(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Print a line at the start, at the end, and at intervals between them."""
    start = last_line = time.perf_counter()
    done, last_note, steps = 0, "", total

    def advance(by: int = 1, note: str = "", total: int | None = None) -> None:
        nonlocal done, last_note, last_line, steps
        done, last_note, steps = done + by, note or last_note, total or steps
        if (now := time.perf_counter()) - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            position = f"{description}: {_position(done, steps, unit)}"
            print_stderr(f"{position} {last_note}".rstrip())

    print_stderr(f"{description} …")
    yield advance
    print_stderr(f"{description}: {time.perf_counter() - start:.0f} s")
