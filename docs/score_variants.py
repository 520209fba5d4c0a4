"""Variants of one unlearning within the same limits: docs/pages/results/variants.md.

python docs/score_variants.py            27 runs, each three to eight minutes of one core; goes
                                         on from the results that are there
python docs/score_variants.py --table    only the tables, from the results that are there

To be called in the root of the repository. SmolLM2 unlearns HateCheck's hateful texts: the words
that HateCheck names, those that `contrast` finds after reading EDOS alone, or random ones; seeing
what precedes a word, or both of its sides; training all weights, or an adapter.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from results_page import ResultsPage
from ways import BATCH, FORGET, LIMITS, TRAIN, Found, Way, Ways

RANK, RANK_RATE = 16, 2e-4
WAYS = Ways(
    "smollm2",
    {
        "ascent": Way(),
        "ascent, found spans": Way(spans="contrast"),
        "ascent, random words": Way(selection="random"),
        "ascent, both sides": Way(context="both"),
        "ascent, adapter": Way(lora_rank=RANK, learning_rate=RANK_RATE),
        "counterfactual-kl": Way(objective="counterfactual-kl"),
        "counterfactual-kl, random words": Way(objective="counterfactual-kl", selection="random"),
        "counterfactual-kl, both sides": Way(objective="counterfactual-kl", context="both"),
        "counterfactual-kl, adapter": Way(
            objective="counterfactual-kl", lora_rank=RANK, learning_rate=RANK_RATE
        ),
    },
    steps=20,
)


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    yield from (
        "# Variants within the same limits",
        "",
        f"SmolLM2-135M-Instruct unlearns `{FORGET}`, {WAYS.steps} steps of {BATCH} texts "
        f"(learning rate {Way.learning_rate:g}); {LIMITS}. The first row unlearns the words that "
        "HateCheck names by `ascent`, and trains all weights. *Found spans*: those that `contrast` "
        f"finds, having read `{TRAIN}` alone. "
        "*Random words*: as many of the same texts, none of them harmful. *Both sides*: "
        "`--context both`. *Adapter*: "
        f"`--lora_rank {RANK} --learning_rate {RANK_RATE:g}`. `neutral` is here at the harmful "
        "words alone; with both sides, those before a mention are among them.",
        "",
        *WAYS.lines(found),
    )


PAGE = ResultsPage("variants", lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    PAGE.make(parser, lambda _: WAYS.measured(PAGE))
