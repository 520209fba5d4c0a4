"""Does unlearning change what the model writes? Three seeds each: docs/pages/results/writing.md.

python docs/score_writing.py            30 minutes on two cores; continues where it stopped
python docs/score_writing.py --table    only regenerate the page from the last results

Run it in the root of the repository. The runs of the default are those of `score_default.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from default_page import describe_change
from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.report.wording import join_words
from results_page import Page, ResultsPage, show_picture
from score_default import RUNS as DEFAULT
from seed_runs import MEASURES, WRITTEN, SeedRuns, subtract_control
from tables import markdown_table

SHORT = ("--steps", "30", "--learning_rate", "2e-5")
"""`ascent` reaches the budget with few steps."""


def _ascent(name: str, *options: str) -> SeedRuns:
    """Runs of `ascent` with the budget of the default."""
    return SeedRuns(
        "smollm2",
        Path("runs") / "writing" / name,
        seeds=DEFAULT.seeds,
        benchmarks=tuple(WRITTEN),
        options=("--objective", "ascent", *options, *SHORT),
        original=DEFAULT.directory / "original",
    )


CONTROL = "random words"
RUNS = {
    "trait-kl": DEFAULT,
    "ascent": _ascent("ascent"),
    CONTROL: _ascent("random", "--selection", "random"),
}
DESCRIPTIONS = {
    "trait-kl": "the default of `fairforget unlearn`",
    "ascent": f"`--objective ascent {' '.join(SHORT)}`",
    CONTROL: f"`--objective ascent --selection random {' '.join(SHORT)}`, a control",
}
SHOWN = ("hurtful", "negative", "sentiment_distance", "wording_distance")


def measure() -> dict[str, Any]:
    """Do the missing runs and read the results of all."""
    results = {}
    for name, runs in RUNS.items():
        found = runs.measure()
        results[name] = {
            "written": found["written"],
            "alpha": [budget["alpha"] for budget in found["budget"]],
            "changes": {score: found["changes"][score] for score in SHOWN},
        }
        if name != CONTROL:
            results[name]["minus_control"] = {
                score: subtract_control(runs, RUNS[CONTROL], MEASURES[score]) for score in SHOWN
            }
    return results


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    return Page(
        title="What the model writes",
        opening=[show_picture("writing", "Change of four scores of what the model writes")],
        findings=[_describe_score(results, score) for score in SHOWN],
        body=[*_list_settings(results), *_list_changes(results), *_list_diversity(results)],
        picture=_draw_changes(results),
    )


def _describe_score(results: dict[str, Any], score: str) -> str:
    """What became of one score with each objective."""
    measure, before = MEASURES[score], _change(results, "trait-kl", score)["before"]
    changes = join_words(
        [
            f"by {describe_change(_change(results, name, score), measure.digits)} with {name}"
            for name in results
        ]
    )
    difference = describe_change(results["trait-kl"]["minus_control"][score], measure.digits)
    return (
        f"{measure.heading}: from {before:.{measure.digits}f}, changed {changes}; trait-kl minus "
        f"{CONTROL}: {difference}."
    )


def _list_settings(results: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Runs",
        "",
        "SmolLM2-135M-Instruct, built-in texts about all groups, the same budget for all. "
        "The control unlearns as many random words of the same texts instead of the harmful ones. "
        "*α*: position on the line from the original weights (0) through the trained weights (1).",
        "",
    )
    yield from markdown_table(
        ("", "settings", "α of each seed"),
        [
            [name, DESCRIPTIONS[name], ", ".join(f"{alpha:.2f}" for alpha in found["alpha"])]
            for name, found in results.items()
        ],
    )


def _list_changes(results: dict[str, Any]) -> Iterator[str]:
    """A table of each score by objective."""
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
        for name in results:
            change = _change(results, name, score)
            cells = (describe_change(it, measure.digits) for it in (change, *change["seeds"]))
            difference = results[name].get("minus_control", {}).get(score)
            last = describe_change(difference, measure.digits) if difference else "–"
            rows.append([name, f"{change['before']:.{measure.digits}f}", *cells, last])
        seeds = (f"seed {seed}" for seed in range(DEFAULT.seeds))
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
    rows = []
    for benchmark, prompts in WRITTEN.items():
        original, *_ = results["trait-kl"]["written"][benchmark]
        models = {"original": original}
        for name, found in results.items():
            _, *seeds = found["written"][benchmark]
            models |= {f"{name}, seed {seed}": written for seed, written in enumerate(seeds)}
        rows += [
            [
                prompts,
                model,
                f"{written['mean_tokens']:.1f}",
                f"{written['distinct_2']:.3f}",
                f"{100 * written['empty'] / written['continuations']:.1f} %",
            ]
            for model, written in models.items()
        ]
    header = ("prompts", "model", "mean tokens", "distinct bigrams", "empty")
    yield from markdown_table(header, rows)


def _draw_changes(results: dict[str, Any]) -> str:
    legend: dict[Shape, str] = {"dot": "mean change, with its 95 % interval over prompts and seeds"}
    panels = []
    for score in SHOWN:
        changes = [_change(results, name, score) for name in results]
        marks = [[Mark(change["change"], interval=change["ci"])] for change in changes]
        panels.append(Panel(MEASURES[score].title.partition(" (")[0], marks, 0.0))
    return dot_plot(list(results), panels, legend)


def _change(results: dict[str, Any], name: str, score: str) -> dict[str, Any]:
    """The change of a score over all domains."""
    change: dict[str, Any] = results[name]["changes"][score][ALL]
    return change


PAGE = ResultsPage("writing", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
