"""A masked model unlearns, in four ways within the same limits: docs/pages/results/masked.md.

python docs/score_masked.py            trains a small BERT (a quarter of an hour of one core), then
                                       12 runs; goes on from the results that are there
python docs/score_masked.py --table    only the table, from the results that are there

To be called in the root of the repository. The BERT has read HateCheck among other texts, and
unlearns it: a harmful token is hidden and made less likely, given both of its sides.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from results_page import ResultsPage
from small_bert import CORPORA, small_bert
from ways import BATCH, FORGET, LIMITS, Found, Way, Ways

MODEL = Path("runs") / "small-bert"
RATE = 1e-4
WAYS = Ways(
    str(MODEL),
    {
        "ascent": Way(learning_rate=RATE),
        "ascent, random words": Way(selection="random", learning_rate=RATE),
        "counterfactual-kl": Way(objective="counterfactual-kl", learning_rate=RATE),
        "counterfactual-kl, random words": Way(
            objective="counterfactual-kl", selection="random", learning_rate=RATE
        ),
    },
    steps=40,
)


def measured() -> Found:
    """Train the model, and do the runs that are not done."""
    small_bert(MODEL)
    return WAYS.measured(PAGE)


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    yield from (
        "# A masked model",
        "",
        f"A small BERT, trained by `docs/small_bert.py` on {', '.join(f'`{c}`' for c in CORPORA)}, "
        f"unlearns `{FORGET}`, {WAYS.steps} steps of {BATCH} texts (learning rate {RATE:g}): "
        "each harmful token is hidden and predicted from both of its sides; "
        f"pseudo-{LIMITS}. *Random words*: as many of the same texts, none of them harmful. "
        "`neutral` is here at the harmful words alone. It shows that the way through the program "
        "works for masked models, not what larger ones do: this one knows little of language.",
        "",
        *WAYS.lines(found),
    )


PAGE = ResultsPage("masked", lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    PAGE.make(parser, lambda _: measured())
