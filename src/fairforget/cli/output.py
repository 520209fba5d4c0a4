"""Write a result as JSON and print it, for several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fairforget.files.atomic import atomic_write


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
    content = TypeAdapter(type(result)).dump_json(result, indent=1)
    if output:
        with atomic_write(output) as file:
            file.write(content + b"\n")
    if json:
        print(content.decode())
        return
    show()
    if output:
        print(f"Written: {output}")
