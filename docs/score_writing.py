"""Does unlearning change what the model writes? Three seeds each: docs/pages/results/writing.md.

python docs/score_writing.py            two hours on two cores; continues where it stopped
python docs/score_writing.py --table    only regenerate the page from the last results

Run it in the root of the repository. The runs of the default are those of `score_default.py` and
`score_gemma.py`. The published ones used a former default and cannot be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from default_page import describe_change
from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.report.wording import format_number, join_words
from results_page import Page, ResultsPage, show_picture
from score_default import RUNS as SMOLLM2
from score_gemma import RUNS as GEMMA
from seed_runs import MEASURES, WRITTEN, SeedRuns, subtract_control
from tables import markdown_table

SHORT = ("--steps", "30", "--learning_rate", "2e-5")
"""`ascent` reaches the budget with few steps."""


CONTROL = "random words"
RANDOM_WORDS = ("--objective", "ascent", "--selection", "random", *SHORT)


def _runs(default: SeedRuns, directory: Path) -> dict[str, SeedRuns]:
    """The runs of the default, and those of `ascent` with the same budget, by name."""

    def runs(name: str, *options: str) -> SeedRuns:
        return SeedRuns(
            default.source,
            directory / name,
            seeds=default.seeds,
            benchmarks=tuple(WRITTEN),
            options=options,
            original=default.before,
        )

    return {
        "trait-kl": default,
        "ascent": runs("ascent", "--objective", "ascent", *SHORT),
        CONTROL: runs("random", *RANDOM_WORDS),
    }


MODELS = {
    "SmolLM2": _runs(SMOLLM2, Path("runs") / "writing"),
    "Gemma 3 270M": _runs(GEMMA, Path("runs") / "writing-gemma"),
}
DESCRIPTIONS = {
    "trait-kl": "a former default of `fairforget unlearn`: twice the current learning rate, "
    "fewer facts, no loss on facts or on harmful words in neutral texts, α at most 2",
    "ascent": f"`--objective ascent {' '.join(SHORT)}`",
    CONTROL: f"`{' '.join(RANDOM_WORDS)}`, a control",
}
SHOWN = ("hurtful", "negative", "sentiment_distance", "wording_distance")


def measure() -> dict[str, Any]:
    """Do the missing runs and read the results of all, by model."""
    return {model: _measure_model(runs) for model, runs in MODELS.items()}


def _measure_model(runs: dict[str, SeedRuns]) -> dict[str, Any]:
    results = {}
    for name, of_objective in runs.items():
        found = of_objective.measure()
        results[name] = {
            "written": found["written"],
            "alpha": [budget["alpha"] for budget in found["budget"]],
            "changes": {score: found["changes"][score] for score in SHOWN},
        }
        if name != CONTROL:
            results[name]["minus_control"] = {
                score: subtract_control(of_objective, runs[CONTROL], MEASURES[score])
                for score in SHOWN
            }
    return results


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    return Page(
        title="What the model writes",
        opening=[show_picture("writing", "Change of four scores of what the model writes")],
        findings=_list_findings(results),
        body=[*_list_settings(results), *_list_changes(results), *_list_diversity(results)],
        picture=_draw_changes(results),
    )


def _list_findings(results: dict[str, Any]) -> list[str]:
    """How many changes are measurable, and how many beyond the control."""
    pairs = [(model, score) for model in results for score in SHOWN]
    differences = {
        (model, score): results[model]["trait-kl"]["minus_control"][score] for model, score in pairs
    }
    changes = {
        title: {(model, score): _change(results[model], name, score) for model, score in pairs}
        for name, title in (("trait-kl", "the former default"), ("ascent", "`ascent`"))
    }
    return [
        f"Compared with the control ({CONTROL}), the former default changed "
        f"{_list_measurable(differences)}.",
        *(
            f"Compared with the original model, {title} changed {_list_measurable(found)}."
            for title, found in changes.items()
        ),
    ]


def _list_measurable(changes: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Those whose interval excludes 0, by model and score."""
    found = [
        f"{MEASURES[score].heading} ({model}) by {describe_change(change, MEASURES[score].digits)}"
        for (model, score), change in changes.items()
        if not change["ci"][0] <= 0 <= change["ci"][1]
    ]
    if not found:
        return f"no score measurably: all {len(changes)} intervals (scores and models) include 0"
    return f"{len(found)} of {len(changes)} scores measurably: {join_words(found)}"


def _list_settings(results: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Runs",
        "",
        f"{join_words(list(results))}, built-in texts about all groups, the same budget for all. "
        "The control unlearns as many random words of the same texts instead of the "
        "harmful ones. *α*: position on the line from the original weights (0) through the trained "
        "weights (1). The budget removed almost all of the update of `ascent` and of the control, "
        "so subtracting the control mostly adds noise. These runs predate two changes: generated "
        "text now ends where the model starts a new document, and `unlearn` has a new default "
        "([current scores](default.md)).",
        "",
    )
    yield from markdown_table(
        ("", "settings", *(f"α of each seed, {model}" for model in results)),
        [
            [
                name,
                description,
                *(
                    ", ".join(f"{alpha:.2f}" for alpha in of_model[name]["alpha"])
                    for of_model in results.values()
                ),
            ]
            for name, description in DESCRIPTIONS.items()
        ],
    )


def _list_changes(results: dict[str, Any]) -> Iterator[str]:
    """A table of each score by model and objective."""
    yield from (
        "## Changes",
        "",
        "The mean change with its 95 % interval over prompts and seeds, then the change with each "
        f"seed, with its interval over prompts, and the mean change minus that with {CONTROL}.",
        "",
    )
    for score in SHOWN:
        measure = MEASURES[score]
        yield from (f"### {measure.heading}", "")
        rows = []
        for label, of_model, name in _list_rows(results):
            change = _change(of_model, name, score)
            cells = (describe_change(it, measure.digits) for it in (change, *change["seeds"]))
            difference = of_model[name].get("minus_control", {}).get(score)
            last = describe_change(difference, measure.digits) if difference else "–"
            rows.append([label, format_number(change["before"], measure.digits), *cells, last])
        seeds = (f"seed {seed}" for seed in range(SMOLLM2.seeds))
        header = ("", "before", "change", *seeds, f"minus {CONTROL}")
        yield from markdown_table(header, rows)


def _list_diversity(results: dict[str, Any]) -> Iterator[str]:
    """Length and diversity, so that bland text does not count as fair."""
    yield from (
        "## Length and diversity",
        "",
        "Bland or empty text would also lower the scores. Distinct bigrams: distinct word pairs ÷ "
        "all word pairs of the continuations (distinct-2).",
        "",
    )
    for model, of_model in results.items():
        rows = []
        for benchmark, prompts in WRITTEN.items():
            original, *_ = of_model["trait-kl"]["written"][benchmark]
            by_run = {"original": original}
            for name, found in of_model.items():
                _, *seeds = found["written"][benchmark]
                by_run |= {f"{name}, seed {seed}": written for seed, written in enumerate(seeds)}
            rows += [
                [
                    prompts,
                    run,
                    f"{written['mean_tokens']:.1f}",
                    f"{written['distinct_2']:.3f}",
                    f"{100 * written['empty'] / written['continuations']:.1f} %",
                ]
                for run, written in by_run.items()
            ]
        yield from (f"### {model}", "")
        header = ("prompts", "model", "mean tokens", "distinct bigrams", "empty")
        yield from markdown_table(header, rows)


def _list_rows(results: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """Label, results of the model, and objective of each row of a table or picture."""
    return [
        (f"{model}, {name}", of_model, name)
        for model, of_model in results.items()
        for name in of_model
    ]


def _draw_changes(results: dict[str, Any]) -> str:
    legend: dict[Shape, str] = {"dot": "mean change, with its 95 % interval over prompts and seeds"}
    rows, panels = _list_rows(results), []
    for score in SHOWN:
        changes = [_change(of_model, name, score) for _, of_model, name in rows]
        marks = [[Mark(change["change"], interval=change["ci"])] for change in changes]
        panels.append(Panel(MEASURES[score].title.partition(" (")[0], marks, 0.0))
    return dot_plot([label for label, *_ in rows], panels, legend)


def _change(of_model: dict[str, Any], name: str, score: str) -> dict[str, Any]:
    """The change of a score over all domains, with one model and objective."""
    change: dict[str, Any] = of_model[name]["changes"][score][ALL]
    return change


PAGE = ResultsPage("writing", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
