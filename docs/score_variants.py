"""Variants of one unlearning setup within the same budget: docs/pages/results/variants.md.

python docs/score_variants.py            27 runs of three to eight minutes on one core; continues
                                         where it stopped
python docs/score_variants.py --table    only regenerate the page from the last results

Run it in the root of the repository. SmolLM2 unlearns HateCheck's hateful texts: given spans, spans
that `contrast` selects, or random words; with left context or both sides; with all weights or LoRA.
"""

from __future__ import annotations

from fairforget.report.wording import format_number
from results_page import Page, ResultsPage, show_picture
from tables import format_mean, markdown_table
from variant_runs import COUNTERFACTUAL, FORGET, TRAIN, Results, Variant, VariantRuns

RANK, LORA_RATE = 16, 2e-4
RUNS = VariantRuns(
    "smollm2",
    {
        "ascent": Variant(),
        "ascent, selected spans": Variant(spans="contrast"),
        "ascent, random words": Variant(selection="random"),
        "ascent, both sides": Variant(context="both"),
        "ascent, LoRA": Variant(lora_rank=RANK, learning_rate=LORA_RATE),
        COUNTERFACTUAL: Variant(objective=COUNTERFACTUAL),
        f"{COUNTERFACTUAL}, random words": Variant(objective=COUNTERFACTUAL, selection="random"),
        f"{COUNTERFACTUAL}, both sides": Variant(objective=COUNTERFACTUAL, context="both"),
        f"{COUNTERFACTUAL}, LoRA": Variant(
            objective=COUNTERFACTUAL, lora_rank=RANK, learning_rate=LORA_RATE
        ),
    },
    steps=20,
)
MEANINGS = {
    "selected spans": f"spans that `contrast`, trained on `{TRAIN}`, selects in `{FORGET}`",
    "random words": "the same number of harmless words from the same texts",
    "both sides": "`--context both`",
    "LoRA": f"`--lora_rank {RANK} --learning_rate {LORA_RATE:g}`",
}


def build_page(results: Results) -> Page:
    """The page."""
    infilling = [run["infilling_log_prob"] for run in results["runs"]["ascent, both sides"]]
    return Page(
        title="Variants within the same budget",
        opening=[show_picture("variants", "Log p of the harmful words and LMS of each variant")],
        findings=[
            *RUNS.list_shares(results),
            "With `--context both`, the only variant trained on infilling, the log p of harmful "
            "words in infilling changes from "
            f"{format_number(results['original']['infilling_log_prob'], 2)} to "
            f"{format_mean(infilling, 2)} nats.",
            RUNS.describe_association(results),
        ],
        body=[
            *RUNS.list_settings(),
            f"The first row unlearns the harmful spans that HateCheck marks and trains all weights "
            f"of SmolLM2-135M-Instruct. `{COUNTERFACTUAL}` uses the harmful spans as targets here, "
            "not its default selection.",
            "",
            *markdown_table(("variant", "change"), MEANINGS.items()),
            *RUNS.list_scores(results),
        ],
        picture=RUNS.draw(results),
    )


PAGE = ResultsPage("variants", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, lambda: RUNS.measure(PAGE))
