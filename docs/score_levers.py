"""What was tried to bring the default recipe nearer to its aim: docs/pages/results/levers.md.

python docs/score_levers.py            four runs, of up to 40 minutes of one core each, and
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
from typing import Any

import lever_texts
from fairforget.cli import main as fairforget
from fairforget.corpora import Text
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from results_page import ResultsPage
from score_recipe import PAGE as RECIPE
from scored import HEADING, distance, measured_at, row, scores

RUNS = Path("runs") / "levers"
FACTORS = (1.0, 1.5)
"""How many times as far from the original as the run landed."""
AIM, LOSS = 5.0, 0.5
"""Of the recipe: a distance at most, and an LMS that is at most so much lower."""
WIDE = (
    *("--budget.perplexity", "1.06"),
    *("--budget.everyday_perplexity", "1.06"),
    *("--budget.max_alpha", "1"),
)
"""Short texts damage most in the first steps, and get it back: the watch would stop them."""


Found = dict[str, dict[str, Any]]
"""By lever, what was done and, by factor, what was measured."""


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
        "so, and of the built-in texts only the shortest, of five domains",
        (*MORE_RETAINED, *WIDE),
        lever_texts.plain,
    ),
    "running text": Lever(
        "every other text is a sentence that names a group, of the passages that are retained, too "
        "(BoolQ's), and its targets are all that follows; 24 retain texts for 32 to forget",
        ("--retain_per_forget", "0.75", "--steps", "100", *WIDE),
        lever_texts.mixed,
    ),
    "then ascent": Lever(
        "the first of these, and then `ascent` at the harmful words of the built-in texts",
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


def _measured(name: str, lever: Lever) -> dict[str, Any]:
    place = _place(name)
    if not (place / RECORD).exists():
        forget = []
        if lever.texts:
            path = place.with_suffix(".jsonl")
            lever_texts.write(lever.texts(), path)
            forget = ["--forget", str(path)]
        start = str(_place(lever.after) / MODEL) if lever.after else "smollm2"
        fairforget(["unlearn", start, "--output", str(place), *forget, *lever.options])
    record = read_record(place / RECORD, UnlearningRecord)
    return {
        "steps": record.method.get("steps_done", record.method["steps"]),
        "budget": record.budget.asked,
        "max_alpha": record.budget.max_alpha,
        "alpha": record.budget.alpha,
        "at": {
            str(factor): scores(
                measured_at(factor, place / MODEL, place.with_name(f"{place.name}-times-{factor}"))
            )
            for factor in FACTORS
        },
    }


def _place(name: str) -> Path:
    return RUNS / name.replace(" ", "-")


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    recipe = RECIPE.last()
    original, seeds = recipe["original"], recipe["seeds"]
    rows = {"default": seeds[0]}
    rows |= {f"default × {factor}": at for factor, at in recipe["further"].items()}
    for name, one in found.items():
        rows |= {f"{name} × {factor}": scored for factor, scored in one["at"].items()}
    rows = {name.removesuffix(" × 1.0"): scored for name, scored in rows.items()}
    within = {name: rows[name] for name in ("default", *found)}
    nearest = min(within, key=lambda name: distance(within[name]))
    yield from (
        "# Levers of the default recipe",
        "",
        "The default recipe was to bring the distance of SmolLM2's StereoSet scores from 50 to at "
        f"most {AIM:g}, with LMS at most {LOSS:g} lower. It does not ([The default recipe]"
        "(recipe.md), whose columns these are). What was thought to help, one run each (seed 0), "
        "and the same change made larger:",
        "",
        *(f"- *{name}*: {lever.said}; {_landed(found[name])}." for name, lever in LEVERS.items()),
        "",
        f"The default: {recipe['method']['steps']} steps, α {recipe['budget'][0]['alpha']:.2f}.",
        "",
        HEADING,
        "|---|---|---|---|---|---|---|---|---|---|---|",
        row("original", [original], original),
        *(row(name, [scored], original) for name, scored in rows.items()),
        "",
        f"{sum(distance(scored) <= AIM for scored in rows.values())} of the {len(rows)} rows come "
        f"to {AIM:g}. As they landed, the nearest to 50 is *{nearest}*. One run each says little "
        "of small differences: the distance of the default varies by "
        f"{stdev(map(distance, seeds)):.1f} (s.d.) from seed to seed. In the running text, nearly "
        "all groups are of gender, profession and age: of race and religion it says little.",
    )


def _landed(lever: dict[str, Any]) -> str:
    """How a run ended."""
    max_alpha = "" if lever["max_alpha"] > 1 else ", not stretched"
    return (
        f"{lever['steps']} steps, budget {lever['budget']:g}{max_alpha}, landed at α "
        f"{lever['alpha']:.2f}"
    )


PAGE = ResultsPage("levers", lines)


if __name__ == "__main__":
    PAGE.make(argparse.ArgumentParser(description=__doc__.splitlines()[0]), lambda _: measured())
