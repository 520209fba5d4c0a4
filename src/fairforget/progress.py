"""Progress bars on stderr; where that is no terminal, one plain line at start and end."""

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

Advance = Callable[..., None]


@contextmanager
def bar(description: str, total: int | None = None) -> Iterator[Advance]:
    """Show work in progress; yields `advance(by=1, note="", total=None)`.

    Args:
        description: what is done.
        total: how much there is to do; `advance` may say it later.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"{description} …", file=sys.stderr, flush=True)
        start = time.perf_counter()
        yield lambda by=1, note="", total=None: None
        print(f"{description}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
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
