"""Print the result of a command: as JSON, or as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fairforget.records.store import record_text


def print_result(
    result: object, *, json: bool, show: Callable[[], None], written: Sequence[Path | None] = ()
) -> None:
    """Print a result.

    Args:
        result: a dataclass.
        json: print it as JSON and nothing else.
        show: prints it as tables.
        written: the files that were written, which the tables' last line names; None for one
            that was not.
    """
    if json:
        print(record_text(result))
        return
    show()
    if paths := [str(path) for path in written if path]:
        print(f"Written: {' and '.join(paths)}")
