"""`--profile`: print where the time of a command went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fairforget.machine.stages import time_stages


@contextmanager
def print_profile(*, wanted: bool) -> Iterator[None]:
    """Print the time of each stage within the block on stderr, if this is wanted."""
    if not wanted:
        yield
        return
    with time_stages() as seconds:
        yield
    print_stages(seconds)


def print_stages(seconds: Mapping[str, float]) -> None:
    """Print stages with their seconds and shares, the longest first.

    Args:
        seconds: stage → wall time.
    """
    from rich.table import Table

    from fairforget.terminal.messages import is_quiet, one_line
    from fairforget.terminal.tables import print_content

    if is_quiet():
        return
    total = sum(seconds.values())
    table = Table("stage", box=None, title="Profile", title_justify="left")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for stage, time in sorted(seconds.items(), key=lambda item: -item[1]):
        table.add_row(
            one_line(stage), f"{time:.1f}", f"{100 * time / total:.0f} %" if total else ""
        )
    table.add_row("total", f"{total:.1f}", "")
    print_content(table, stderr=True)
