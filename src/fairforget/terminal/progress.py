"""Progress bars on stderr; where that is no terminal, plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fairforget.terminal.messages import is_quiet

Advance = Callable[..., None]
SECONDS_BETWEEN_LINES = 30.0
"""At least, where there is no terminal."""


@contextmanager
def progress_bar(description: str, total: int | None = None) -> Iterator[Advance]:
    """Show work in progress; yields `advance(by=1, note="", total=None)`.

    Args:
        description: what is done.
        total: how much there is to do; `advance` may say it later.
    """
    if is_quiet():
        yield lambda by=1, note="", total=None: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _lines(description, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(by: int = 1, note: str = "", total: int | None = None) -> None:
            progress.update(task, advance=by, total=total)
            if note:
                progress.update(task, note=note)

        yield advance


def _lines(description: str, total: int | None) -> Iterator[Advance]:
    """The same for a file: now and then, how far it is and the last note."""
    start = told = time.perf_counter()
    done, noted = 0, ""

    def advance(by: int = 1, note: str = "", total: int | None = total) -> None:
        nonlocal done, noted, told
        done, noted = done + by, note or noted
        if (now := time.perf_counter()) - told >= SECONDS_BETWEEN_LINES:
            told = now
            far = f"{done}/{total or '?'}"
            print(f"{description}: {far} {noted}".rstrip(), file=sys.stderr, flush=True)

    print(f"{description} …", file=sys.stderr, flush=True)
    yield advance
    print(f"{description}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
