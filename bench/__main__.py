"""Measure everything, print it, write it down: `python -m bench step --output FILE`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import linear, scoring, startup, step
from fairforget.machine.allocator import keep_freed_memory

PARTS = {
    "startup": startup.measure,
    "linear": linear.measure,
    "scoring": scoring.measure,
    "step": step.measure,
}


def main() -> None:
    """Measure the parts named on the command line, or all of them; others stay in the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--output", type=Path, default=Path("bench.json"), metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    keep_freed_memory()  # as the command line does
    path = options.output
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in options.parts or PARTS:
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
