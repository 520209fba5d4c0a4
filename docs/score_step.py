"""Speed of a step, relative to one with full logits: docs/pages/results/step.md.

python docs/score_step.py            runs `python -m bench step`, 15 minutes on two cores
python docs/score_step.py --table    only regenerate the page from the last results
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results_page import Page, ResultsPage
from tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
TIME, MEMORY = 0.6, 0.5
"""Target: ratios that a step must not exceed."""
MODELS = {"SmolLM2-135M": "", "a vocabulary of 256,000 (random weights)": "_256k"}
"""Model → suffix of its keys."""


def measure() -> dict[str, Any]:
    """Results of `bench/step.py`."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bench.json"
        command = [sys.executable, "-m", "bench", "step", "--output", str(file)]
        subprocess.run(command, check=True, cwd=ROOT)
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["step"]
    return results


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    header = (
        *("model", "time ÷ full", "memory ÷ full", "time, s", "time with full logits, s"),
        *("memory, MB", "largest loss difference"),
    )
    return Page(
        title="Speed of a step",
        opening=markdown_table(
            header, [_format_row(name, suffix, results) for name, suffix in MODELS.items()]
        ),
        findings=[
            *(_describe(name, suffix, results) for name, suffix in MODELS.items()),
            f"The goal was at most {TIME} of the time and {MEMORY} of the memory.",
        ],
        body=[
            "## How it was measured",
            "",
            f"`ascent` on 16 texts (`{results['corpus']}`) and retain loss `kl` on 4 passages of "
            f"Wikipedia, float32, {results['threads']} CPU threads. *Full*: the same step with "
            "logits of every token in the padded batch. Ratios, times and memory (its peak above "
            "that of the model and its gradients) are medians of three repetitions; the loss "
            "difference is between the two kinds of step.",
            "",
            "FairForget truncates each text after its last target, computes logits of target and "
            "retain tokens only, in chunks, and computes a prefix that texts share only once.",
            "",
        ],
    )


def _describe(name: str, suffix: str, results: dict[str, Any]) -> str:
    time, memory = results[f"time_ratio{suffix}"], results[f"memory_ratio{suffix}"]
    return (
        f"With {name}, a training step that computes logits only where a loss needs them takes "
        f"{time:.2f} times as long and {memory:.2f} times as much memory as one that computes all "
        "logits (*full*)."
    )


def _format_row(name: str, suffix: str, results: dict[str, Any]) -> list[str]:
    digits = {
        "time_ratio": ".2f",
        "memory_ratio": ".2f",
        "seconds": ".2f",
        "padded_seconds": ".2f",
        "megabytes": ".0f",
        "loss_difference": ".0e",
    }
    return [name, *(f"{results[key + suffix]:{form}}" for key, form in digits.items())]


PAGE = ResultsPage("step", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
