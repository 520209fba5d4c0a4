"""Alternatives to the tuned settings of counterfactual-kl: docs/pages/results/alternatives.md.

python docs/score_alternatives.py            four runs of up to 40 minutes on one core, and eight
                                             evaluations; continues where it stopped
python docs/score_alternatives.py --table    only regenerate the page from the last results

Run it in the root of the repository, after docs/score_recipe.py, whose results it compares with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev
from typing import Any

from alternative_texts import mixed_texts, short_texts, write_texts
from dot_plot import Mark, Panel, dot_plot
from fairforget.cli import main as fairforget
from fairforget.corpora import Text
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report.wording import join_words
from recipe_scores import (
    HEADER,
    NOTE,
    Scores,
    evaluate_extrapolated,
    format_row,
    read_scores,
    stereoset_distance,
)
from results_page import Page, ResultsPage, show_picture
from score_recipe import MAX_ALPHA, SETTINGS
from score_recipe import PAGE as RECIPE
from tables import markdown_table

RUNS = Path("runs") / "alternatives"
FACTORS = (1.0, 1.5)
"""By how much the weight update is multiplied, after interpolation to the budget."""
TARGET_DISTANCE, TARGET_LOSS = 5.0, 0.5
"""Aim of the tuned settings: at most this distance, and an LMS at most so much lower."""
WIDE_BUDGET = (
    *("--budget.perplexity", "1.06"),
    *("--budget.everyday_perplexity", "1.06"),
    *("--budget.max_alpha", "1"),
    *("--budget.movement", "null"),
    *("--budget.harmful_log_prob", "null"),
)
"""Short texts cost most perplexity in the first steps and recover it; early stopping would stop
them before."""
MORE_RETAIN = ("--batch_size", "24", "--retain_per_forget", "2", "--steps", "100")

Results = dict[str, dict[str, Any]]
"""By alternative, its settings and, by factor, its scores."""
TUNED = "tuned settings"
"""Name of their row."""


@dataclass(frozen=True)
class Alternative:
    """A change of the tuned settings."""

    change: str
    """What it changes."""
    options: tuple[str, ...]
    texts: Callable[[], list[Text]] | None = None
    """Forget texts, if not the built-in ones."""
    start: str | None = None
    """Alternative whose result is unlearned further."""


ALTERNATIVES = {
    "more retain texts": Alternative(
        "48 retain texts per 24 forget texts, not 16 per 32", MORE_RETAIN
    ),
    "short texts": Alternative(
        "as above, and only the shortest built-in texts, of five domains",
        (*MORE_RETAIN, *WIDE_BUDGET),
        short_texts,
    ),
    "Wikipedia sentences": Alternative(
        "every other forget text is a sentence of the retain passages that names a group, nearly "
        "always of gender, profession or age; 24 retain texts per 32 forget texts",
        ("--retain_per_forget", "0.75", "--steps", "100", *WIDE_BUDGET),
        mixed_texts,
    ),
    "ascent at the end": Alternative(
        "more retain texts, then `ascent` on the harmful spans of the built-in texts",
        (
            *("--objective", "ascent", "--learning_rate", "1e-5", "--steps", "20"),
            *("--batch_size", "24", "--retain_per_forget", "2"),
        ),
        start="more retain texts",
    ),
}


def measure() -> Results:
    """Do the missing runs and read the results of all."""
    return {name: _measure_alternative(name, each) for name, each in ALTERNATIVES.items()}


def _measure_alternative(name: str, alternative: Alternative) -> dict[str, Any]:
    directory = _directory(name)
    if not (directory / RECORD).exists():
        forget = []
        if alternative.texts:
            path = directory.with_suffix(".jsonl")
            write_texts(alternative.texts(), path)
            forget = ["--forget", str(path)]
        start = str(_directory(alternative.start) / MODEL) if alternative.start else "smollm2"
        output = ["--output", str(directory)]
        fairforget(["unlearn", start, *output, *SETTINGS, *alternative.options, *forget])
    record = read_record(directory / RECORD, UnlearningRecord)
    return {
        "steps": record.method.get("steps_done", record.method["steps"]),
        "budget": record.budget.asked,
        "max_alpha": record.budget.max_alpha,
        "alpha": record.budget.alpha,
        "scores": {
            str(factor): read_scores(
                evaluate_extrapolated(
                    factor,
                    directory / MODEL,
                    directory.with_name(f"{directory.name}-times-{factor}"),
                )
            )
            for factor in FACTORS
        },
    }


def _directory(name: str) -> Path:
    return RUNS / name.lower().replace(" ", "-")


def list_rows(results: Results) -> dict[str, Scores]:
    """Scores by name of their row, without the original."""
    recipe = RECIPE.load()
    rows = {TUNED: recipe["seeds"][0]}
    rows |= {f"{TUNED} × {factor}": scores for factor, scores in recipe["extrapolated"].items()}
    for name, result in results.items():
        for factor, scores in result["scores"].items():
            rows[f"{name} × {factor}".removesuffix(" × 1.0")] = scores
    return rows


def build_page(results: Results) -> Page:
    """The page."""
    recipe = RECIPE.load()
    original, rows = recipe["original"], list_rows(results)
    return Page(
        title="Alternatives to the tuned settings of `counterfactual-kl`",
        opening=[
            show_picture(
                "alternatives", "Distance of StereoSet scores from 50, and LMS, of each alternative"
            )
        ],
        findings=list_findings(recipe, results, rows),
        body=[
            "## The alternatives",
            "",
            "One run each, seed 0. *× 1.5* multiplies the weight update after "
            "interpolation, which may exceed the budget.",
            "",
            *markdown_table(
                ("alternative", "change", "steps", "perplexity budget", "max α", "α"),
                _list_settings(recipe, results),
            ),
            "## Scores",
            "",
            NOTE,
            "",
            *markdown_table(
                HEADER,
                [
                    format_row("original", [original], original),
                    *(format_row(name, [scores], original) for name, scores in rows.items()),
                ],
            ),
        ],
        picture=_draw(original, rows),
    )


def _list_settings(recipe: dict[str, Any], results: Results) -> Iterator[list[str]]:
    default = recipe["budget"][0]
    budget, alpha = f"{default['asked']:g}", f"{default['alpha']:.2f}"
    yield [TUNED, "–", str(recipe["method"]["steps"]), budget, MAX_ALPHA, alpha]
    for name, alternative in ALTERNATIVES.items():
        result = results[name]
        numbers = [f"{result[key]:g}" for key in ("steps", "budget", "max_alpha")]
        yield [name, alternative.change, *numbers, f"{result['alpha']:.2f}"]


def list_findings(recipe: dict[str, Any], results: Results, rows: dict[str, Scores]) -> list[str]:
    """One sentence each."""
    distances = {name: stereoset_distance(scores) for name, scores in rows.items()}
    reached = sum(distance <= TARGET_DISTANCE for distance in distances.values())
    names = (TUNED, *results)
    nearest = min(names, key=lambda name: distances[name])
    by_seed = [stereoset_distance(scores) for scores in recipe["seeds"]]
    farthest = list(recipe["extrapolated"])[-1]
    lms = {name: scores["held_out"]["lms"] for name, scores in rows.items()}
    scaled = f"{TUNED} × {farthest}"
    return [
        f"The aim was a mean distance of at most {TARGET_DISTANCE:g} from 50 with LMS at most "
        f"{TARGET_LOSS:g} lower; {reached or 'none'} of the {len(rows)} rows reach that distance.",
        f"Without a larger weight update, *{nearest}* has the smallest distance "
        f"({distances[nearest]:.1f}); *{TUNED}* is seed 0 here, and its "
        f"three seeds have distances of "
        f"{join_words([f'{distance:.1f}' for distance in by_seed])}.",
        f"A larger weight update trades LMS for distance: *{scaled}* has distance "
        f"{distances[scaled]:.1f} and LMS {lms[scaled]:.1f}, *{TUNED}* "
        f"{distances[TUNED]:.1f} and {lms[TUNED]:.1f}.",
        f"The distance of *{TUNED}* has a standard deviation of {stdev(by_seed):.1f} over seeds, "
        "so differences of this size between rows may be chance.",
    ]


def _draw(original: Scores, rows: dict[str, Scores]) -> str:
    scores = {"original": original, **rows}
    distances = [[Mark(stereoset_distance(each))] for each in scores.values()]
    lms = [[Mark(each["held_out"]["lms"])] for each in scores.values()]
    lowest = original["held_out"]["lms"] - TARGET_LOSS
    return dot_plot(
        list(scores),
        [Panel("distance from 50", distances, TARGET_DISTANCE), Panel("LMS", lms, lowest)],
        {"dot": "one run; the black lines are the aim: distance at most 5, LMS at most 0.5 lower"},
    )


PAGE = ResultsPage("alternatives", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
