"""What was tried to bring the default recipe nearer to its aim: docs/pages/results/levers.md.

python docs/score_levers.py            four runs, of up to half an hour of one core each, and
                                       eight measurements; goes on where it stopped
python docs/score_levers.py --table    only the tables, from the results that are there

To be called in the root of the repository, after docs/score_recipe.py, with which it compares.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev

import lever_texts
from fairforget.cli import main as fairforget
from fairforget.corpora import Text
from fairforget.records.places import MODEL, RECORD
from results_page import ResultsPage
from score_recipe import PAGE as RECIPE
from scored import HEADING, Scores, distance, measured_at, row, scores

RUNS = Path("runs") / "levers"
FACTORS = (1.0, 1.5)
"""How many times as far from the original as the run landed."""
AIM, LOSS = 5.0, 0.5
"""Of the recipe: a distance at most, and an LMS that is at most so much lower."""
WIDE = (
    *("--budget.perplexity", "1.06"),
    *("--budget.everyday", "1.06"),
    *("--budget.reach", "1"),
)
"""Short texts damage most in the first steps, and get it back: a watch at 1 % would stop them."""


Found = dict[str, dict[str, Scores]]
"""By lever and factor."""


@dataclass(frozen=True)
class Lever:
    """A change of the default recipe."""

    said: str
    """What it changes."""
    options: tuple[str, ...]
    texts: Callable[[], list[Text]] | None = None
    """What is forgotten, if not the built-in texts."""
    after: str | None = None
    """The lever whose result is unlearned further."""


MORE_RETAINED = ("--batch_size", "24", "--retain_per_forget", "2", "--steps", "100")
LEVERS = {
    "more retained": Lever("48 retain texts for 24 to forget, not 16 for 32", MORE_RETAINED),
    "plain sentences": Lever(
        "so, and only the shortest templates, of five domains",
        (*MORE_RETAINED, *WIDE),
        lever_texts.plain,
    ),
    "running text": Lever(
        "every other text is a sentence of Wikipedia that names a group, and its targets are all "
        "that follows; 24 retain texts for 32 to forget",
        ("--retain_per_forget", "0.75", "--steps", "100", *WIDE),
        lever_texts.mixed,
    ),
    "then ascent": Lever(
        "the first of these, and then `ascent` at the harmful words of the built-in texts, within "
        "1 % more",
        (
            *("--objective", "ascent", "--learning_rate", "1e-5", "--steps", "20"),
            *("--batch_size", "24", "--retain_per_forget", "2"),
        ),
        after="more retained",
    ),
}


def measured() -> Found:
    """Do the runs that are not done, and read what they left."""
    return {name: _measured(name, lever) for name, lever in LEVERS.items()}


def _measured(name: str, lever: Lever) -> dict[str, Scores]:
    place = _place(name)
    if not (place / RECORD).exists():
        forget = []
        if lever.texts:
            path = place.with_suffix(".jsonl")
            lever_texts.write(lever.texts(), path)
            forget = ["--forget", str(path)]
        start = str(_place(lever.after) / MODEL) if lever.after else "smollm2"
        fairforget(["unlearn", start, "--output", str(place), *forget, *lever.options])
    return {
        str(factor): scores(
            measured_at(factor, place / MODEL, place.with_name(f"{place.name}-times-{factor}"))
        )
        for factor in FACTORS
    }


def _place(name: str) -> Path:
    return RUNS / name.replace(" ", "-")


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    recipe = RECIPE.last()
    original = recipe["original"]
    default = {"1.0": recipe["seeds"][0], "1.5": recipe["further"]["1.5"]}
    rows = {
        name if factor == "1.0" else f"{name} × {factor}": scored
        for name, at in {"default": default, **found}.items()
        for factor, scored in at.items()
    }
    reached = [name for name in rows if distance(rows[name]) <= AIM]
    nearest = min(rows, key=lambda name: distance(rows[name]))
    spread = stdev(map(distance, recipe["seeds"]))
    yield from (
        "# Levers of the default recipe",
        "",
        f"The default recipe was to bring the distance of SmolLM2's StereoSet scores from 50 to at "
        f"most {AIM:g}, with LMS at most {LOSS:g} lower. It does not ([The default recipe]"
        "(recipe.md), whose columns these are). What was thought to help, one run each (seed 0), "
        "and the same change made 1.5 times as large:",
        "",
        *(f"- *{name}*: {lever.said}." for name, lever in LEVERS.items()),
        "",
        HEADING,
        "|---|---|---|---|---|---|---|---|---|---|---|",
        row("original", [original], original),
        *(row(name, [scored], original) for name, scored in rows.items()),
        "",
        f"{len(reached)} of the {len(rows)} rows come to {AIM:g}. The nearest to 50, "
        f"*{nearest}*, is at a distance of {distance(rows[nearest]):.1f}, where LMS is "
        f"{rows[nearest]['counted']['lms']:.1f}. One run each says little of small differences: "
        f"the distance of the default varies by {spread:.1f} (s.d.) from seed to seed.",
    )


PAGE = ResultsPage("levers", lines)


if __name__ == "__main__":
    PAGE.make(argparse.ArgumentParser(description=__doc__.splitlines()[0]), lambda _: measured())
