"""Run the benchmarks, print and save the figures: `python -m bench step --output FILE`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import allocator, generation, scoring, startup, step
from fairforget.machine.allocator import keep_freed_memory

PARTS = {
    "startup": startup.measure,
    "allocator": allocator.measure,
    "scoring": scoring.measure,
    "step": step.measure,
    "generation": generation.measure,
}


def main() -> None:
    """Run the parts named on the command line, or all; figures of other parts stay in the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--output", type=Path, default=Path("bench.json"), metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"unknown part: {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
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
