"""What a training step costs beside one with full logits: docs/pages/results/step.md.

python docs/score_step.py            `python -m bench step`, a quarter of an hour on two cores
python docs/score_step.py --table    only the table, from the results that are there
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results_page import ResultsPage

ROOT = Path(__file__).resolve().parents[1]
TIME, MEMORY = 0.6, 0.5
"""Ratios that a step shall stay below."""
MODELS = {"SmolLM2-135M": "", "vocabulary of 256,000, random weights": "_256k"}
"""Model -> what the names of its figures end in."""


def measured() -> dict[str, Any]:
    """The figures of `bench/step.py`."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bench.json"
        command = [sys.executable, "-m", "bench", "step", "--output", str(file)]
        subprocess.run(command, check=True, cwd=ROOT)
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["step"]
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Of the page."""
    yield from (
        "# What a training step costs",
        "",
        f"Ascent on 16 texts ({found['corpus']}) and `kl` on 4 passages of Wikipedia, float32, "
        f"{found['threads']} threads of a processor. Ratios are to the same step on padded "
        "sequences with full logits; medians of three turns. Memory is the peak beyond what the "
        f"model and its gradients hold. The aim: at most {TIME} of the time and {MEMORY} of the "
        "memory.",
        "",
        "| model | time, ratio | memory, ratio | s | s, full | MB | losses differ by |",
        "|---|---|---|---|---|---|---|",
    )
    for model, suffix in MODELS.items():
        row = {
            name: found[name + suffix]
            for name in ("time_ratio", "memory_ratio", "seconds", "padded_seconds", "megabytes")
        }
        yield (
            f"| {model} | {row['time_ratio']:.2f} | {row['memory_ratio']:.2f} | "
            f"{row['seconds']:.2f} | {row['padded_seconds']:.2f} | {row['megabytes']:.0f} | "
            f"{found['loss_difference' + suffix]:.0e} |"
        )
    yield from (
        "",
        "Ours cuts a text after its last target, runs the head at target and retained tokens "
        "alone, a few at a time, and computes a beginning that texts share once.",
    )


PAGE = ResultsPage("step", lines)


def main() -> None:
    """Measure, write, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    PAGE.make(parser, lambda _: measured())


if __name__ == "__main__":
    main()
