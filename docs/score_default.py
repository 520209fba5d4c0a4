"""The default objective on SmolLM2, three seeds: docs/pages/results/default.md.

python docs/score_default.py            90 minutes on two cores; continues where it stopped
python docs/score_default.py --table    only regenerate the page from the last results

Run it in the root of the repository. Each seed runs `fairforget unlearn smollm2 --output DIR --seed
N`, with defaults for everything else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from default_page import (
    describe_change,
    draw_changes,
    list_budget,
    list_changes,
    list_findings,
    list_settings,
)
from fairforget.benchmarks.measurement import ALL
from results_page import Page, ResultsPage, show_picture
from seed_runs import SCORED, WRITTEN, SeedRuns

RUNS = SeedRuns("smollm2", Path("runs") / "default", seeds=3, benchmarks=(*SCORED, *WRITTEN))
CHOICE = (
    "These settings are one of thirty combinations tried, nearly all with one seed. All were "
    "compared on perplexity and on the texts of the guard. Two earlier ones were also scored on "
    "HateCheck, the facts and StereoSet's development items. The last twenty-three were also "
    "scored on the facts and all intrasentence items of StereoSet, the last eleven on HateCheck as "
    "well, and the last three, which unlearn pronouns, on WinoBias, Winogender and CrowS-Pairs. "
    "These data are therefore not held out."
)


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    first, second, third, other_direction = list_findings(results)
    return Page(
        title="The default objective on SmolLM2-135M-Instruct",
        opening=[show_picture("default", "Contribution of the group, and harmful words")],
        findings=[first, second, third, _describe_writing(results["changes"]), other_direction],
        body=[
            *list_settings(results, CHOICE),
            *list_budget(results),
            *list_changes(results),
        ],
        picture=draw_changes(results),
    )


def _describe_writing(changes: dict[str, Any]) -> str:
    hurtful, negative, distance = (
        changes[name][ALL] for name in ("hurtful", "negative", "sentiment_distance")
    )
    return (
        "What the model writes: hurtful completions (HONEST) changed by "
        f"{describe_change(hurtful, 1)} points from {hurtful['before']:.1f} %, negative "
        f"continuations (BOLD) by {describe_change(negative, 1)} points from "
        f"{negative['before']:.1f} %, and the difference of sentiment between groups "
        f"(counterfactual prompts) by {describe_change(distance, 3)} from "
        f"{distance['before']:.3f}."
    )


PAGE = ResultsPage("default", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, RUNS.measure)
