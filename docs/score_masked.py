"""A masked model unlearns in four variants within the same budget: docs/pages/results/masked.md.

python docs/score_masked.py            trains a small BERT (15 minutes on one core), then 12 runs;
                                       continues where it stopped
python docs/score_masked.py --table    only regenerate the page from the last results

Run it in the root of the repository. The BERT has read HateCheck among other texts. Unlearning
masks a harmful token and makes it less likely given both sides.
"""

from __future__ import annotations

from pathlib import Path

from results_page import Page, ResultsPage, show_picture
from small_bert import CORPORA, train_small_bert
from variant_runs import COUNTERFACTUAL, Results, Variant, VariantRuns

MODEL = Path("runs") / "small-bert"
RATE = 1e-4
RUNS = VariantRuns(
    str(MODEL),
    {
        "ascent": Variant(learning_rate=RATE),
        "ascent, random words": Variant(selection="random", learning_rate=RATE),
        COUNTERFACTUAL: Variant(objective=COUNTERFACTUAL, learning_rate=RATE),
        f"{COUNTERFACTUAL}, random words": Variant(
            objective=COUNTERFACTUAL, selection="random", learning_rate=RATE
        ),
    },
    steps=40,
)


def measure() -> Results:
    """Train the model and do the missing runs."""
    train_small_bert(MODEL)
    return RUNS.measure(PAGE)


def build_page(results: Results) -> Page:
    """The page."""
    corpora = ", ".join(f"`{corpus}`" for corpus in CORPORA)
    return Page(
        title="A masked model",
        opening=[show_picture("masked", "Log p of the harmful words and LMS of each variant")],
        findings=[
            "A BERT of this size hardly models language (LMS "
            f"{results['original']['lms']:.1f}), so its scores do not show what larger masked "
            "models would do.",
            *RUNS.list_shares(results),
            RUNS.describe_association(results),
        ],
        body=[
            *RUNS.list_settings(),
            f"The model is a BERT with 1.4 million weights, which `docs/small_bert.py` trains on "
            f"{corpora}. Each harmful token is masked and predicted from both sides; perplexities "
            "are pseudo-perplexities. *Random words*: the same number of harmless words "
            f"from the same texts. `{COUNTERFACTUAL}` uses the harmful spans as targets here.",
            "",
            *RUNS.list_scores(results),
        ],
        picture=RUNS.draw(results),
    )


PAGE = ResultsPage("masked", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
