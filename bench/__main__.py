"""Measure everything, print it, write bench.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import linear, scoring, startup, step
from fairforget.allocator import keep_freed_memory

PARTS = {
    "startup": startup.measure,
    "linear": linear.measure,
    "scoring": scoring.measure,
    "step": step.measure,
}


def main() -> None:
    """Measure the parts named on the command line, or all of them."""
    keep_freed_memory()  # as the command line does
    path = Path("bench.json")
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in sys.argv[1:] or PARTS:
        results[name] = PARTS[name]()
        table = Table(title=name, title_justify="left")
        table.add_column("figure")
        table.add_column("value", justify="right")
        for figure, value in results[name].items():
            table.add_row(figure, f"{value:.3g}" if isinstance(value, float) else str(value))
        Console().print(table)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
