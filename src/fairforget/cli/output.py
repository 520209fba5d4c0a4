"""Write a result as JSON and print it, for several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairforget.records.store import record_text, write_record


def write_and_print(
    result: Any, *, output: Path | None, json: bool, show: Callable[[], None]
) -> None:
    """Write a result to a file, if any, and print it.

    Args:
        result: a dataclass.
        output: JSON file.
        json: print it as JSON and nothing else.
        show: prints it as tables.
    """
    if output:
        write_record(result, output)
    if json:
        print(record_text(result))
        return
    show()
    if output:
        print(f"Written: {output}")
