"""Print the result of a command: as JSON, or as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from fairforget.records.store import record_text
from fairforget.report.wording import join_words

R = TypeVar("R")


def print_result(
    result: R, *, json: bool, show: Callable[[R], None], written: Sequence[Path | None] = ()
) -> None:
    """Print a result, or as much of it as is read: `| head` must not change the exit status.

    Args:
        result: a dataclass, or a mapping of several.
        json: print it as JSON and nothing else.
        show: prints it as tables.
        written: the files that were written, which the tables' last line names; None for one
            that was not.
    """
    with suppress(BrokenPipeError):
        if json:
            print(record_text(result))
            return
        show(result)
        if paths := [str(path) for path in written if path]:
            print(f"Written: {join_words(paths)}")
