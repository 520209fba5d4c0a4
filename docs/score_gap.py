"""How close the default comes to its target, on SmolLM2: docs/pages/results/gap.md.

python docs/score_gap.py            50 minutes on two cores; continues where it stopped
python docs/score_gap.py --table    only regenerate the page from the last results

Run it in the root of the repository. The target is scored by `fairforget score-target smollm2`.
Each variant is one run of `fairforget unlearn smollm2`, seed 0. Results in docs/results/gap.json
are not measured again; a variant whose entry is deleted there is repeated with the present losses,
which only "default" has now. That variant is seed 0 of `docs/score_default.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alternative_texts import write_texts
from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL, estimate_scores, group_by_domain
from fairforget.cli import main as fairforget
from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.evaluation.directory import evaluate_into
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report.wording import (
    format_number,
    format_signed,
    format_with_interval,
    join_words,
)
from gap_texts import (
    named_terms,
    own_texts,
    stem_texts,
    template_texts,
    unnamed_terms,
)
from recipe_scores import extrapolate
from results_page import Page, ResultsPage, show_picture
from tables import markdown_table
from target_distance import DISTANCE, TargetDistance, judge_distance

RUNS = Path("runs") / "gap"
STEREOSET, FACTS = "stereoset", "group_facts"
TEXTS, SEED = 160, 7
"""Texts of each set, and the seed of their combinations."""
FORGET_TEXTS = 1_280
"""Forget texts of a run: 40 steps of 32, or 80 of 16. 240 steps take three times as many."""
LARGER_STEPS = (
    *("--forget", "builtin", "--steps", "40", "--batch_size", "32", "--learning_rate", "5e-5"),
    *("--retain_per_forget", "0.5", "--retain_loss_weight", "1", "--retain_groups", "false"),
)
SHAPES: tuple[Shape, ...] = ("dot", "ring", "square", "diamond")
SETS = {
    "templates, named": "built-in templates, terms that training names",
    "templates, unnamed": "built-in templates, other terms",
    "own, named": "other beginnings, continued by the model; terms that training names",
    "own, unnamed": "other beginnings, continued by the model; other terms",
}


@dataclass(frozen=True)
class Variant:
    """A run of `fairforget unlearn smollm2`."""

    description: str
    options: tuple[str, ...] = ()
    texts: Callable[[LanguageModel], list[Text]] | None = None
    """Forget texts, if not the built-in ones."""
    factors: tuple[float, ...] = (1.0,)
    """By how much the weight update is multiplied, after interpolation to the budget."""


def half_own(model: LanguageModel) -> list[Text]:
    """Built-in texts, every other one continued by the model after the group."""
    half = FORGET_TEXTS // 2
    return [*own_texts(model, half), *builtin_texts(limit=2 * half)[half:]]


VARIANTS = {
    "larger steps": Variant(
        "40 steps of 32 forget texts at a learning rate of 5e-5; half as many retain texts, with a "
        "weight of 1 and without facts",
        LARGER_STEPS,
        factors=(1.0, 2.0),
    ),
    "larger steps, continued texts": Variant(
        "as above; every other forget text is continued by the model itself, from the first "
        "harmful word on",
        LARGER_STEPS,
        texts=half_own,
    ),
    "smaller steps, continued texts": Variant(
        "80 steps of 16 forget texts at a learning rate of 2e-5; as many retain texts, with a "
        "weight of 2 and without facts; α at most 2; forget texts as above",
        ("--learning_rate", "2e-5", "--retain_groups", "false", "--budget.max_alpha", "2"),
        texts=half_own,
    ),
    "former default": Variant(
        "80 steps of 16 forget texts, a quarter with pronouns, at a learning rate of 2e-5; as "
        "many retain texts, with a weight of 2, half of them facts; losses on facts and on harmful "
        "words in neutral texts; α at most 2.5",
    ),
    "former default, 240 steps": Variant(
        "the former default with three times the steps", ("--steps", "240")
    ),
    "default": Variant("the former default with losses on all harmful words"),
}


def measure() -> dict[str, Any]:
    """Do the missing runs and read the results of all."""
    known = PAGE.load({"variants": {}})
    original = load_model("smollm2", device="cpu")
    target = TargetDistance(original, _text_sets(original))

    def distances(model: LanguageModel) -> dict[str, float]:
        parts = group_by_domain(target.rows(model))
        return {name: estimate_scores(judge_distance(parts[name]))[DISTANCE].value for name in SETS}

    return {
        "target": known.get("target") or _score_target(),
        "original": known.get("original") or _score(original, RUNS / "original", distances),
        "variants": {
            name: known["variants"].get(name)
            or _measure_variant(name, variant, original, distances)
            for name, variant in VARIANTS.items()
        },
    }


def _score_target() -> dict[str, Any]:
    target = RUNS / "target.json"
    if not target.exists():
        fairforget(["score-target", "smollm2", "--output", str(target)])
    return {
        row["target"]: {key: row[key] for key in ("contribution", "contribution_ci", "lms")}
        for row in json.loads(target.read_bytes())["rows"]
        if row["domain"] == ALL
    }


def _score(
    model: LanguageModel, output: Path, distances: Callable[[LanguageModel], dict[str, float]]
) -> dict[str, Any]:
    """Return the model's distance from the target for each set of texts, and its scores."""
    _evaluate(model, output)
    return {"distance": distances(model), **_read_scores(output)}


def _measure_variant(
    name: str,
    variant: Variant,
    original: LanguageModel,
    distances: Callable[[LanguageModel], dict[str, float]],
) -> dict[str, Any]:
    directory = RUNS / name.replace(", ", " ").replace(" ", "-")
    if not (directory / RECORD).exists():
        forget: list[str] = []
        if variant.texts:
            path = RUNS / "own-texts.jsonl"
            if not path.exists():
                write_texts(variant.texts(original), path)
            forget = ["--forget", str(path)]
        fairforget(["unlearn", "smollm2", "--output", str(directory), *variant.options, *forget])
    record = read_record(directory / RECORD, UnlearningRecord)
    by_factor: dict[str, Any] = {}
    for factor in variant.factors:
        model = extrapolate(factor, directory / MODEL)
        output = directory.with_name(f"{directory.name}-times-{factor:g}")
        by_factor[f"{factor:g}"] = _score(model, output, distances)
    budget = record.budget
    return {
        "alpha": budget.alpha,
        "perplexity": budget.reached,
        "everyday_perplexity": budget.others["everyday_perplexity"].reached,
        "movements": {kind: moved.reached for kind, moved in budget.movements.items()},
        "note": budget.note,
        "by_factor": by_factor,
    }


def _evaluate(model: LanguageModel, output: Path) -> None:
    if not (output / RECORD).exists():
        evaluate_into(output, model, (STEREOSET, FACTS))


def _read_scores(directory: Path) -> dict[str, Any]:
    results = read_record(directory / RECORD, EvaluationRecord).results
    scores = results[STEREOSET]["domains"][ALL]
    return {
        **{key: scores[key] for key in ("contribution", "contribution_ci", "lms")},
        "fact_log_prob": results[FACTS]["domains"][ALL]["fact_log_prob"],
    }


def _text_sets(original: LanguageModel) -> dict[str, list[Text]]:
    """The texts of each set."""
    named, unnamed = named_terms(), unnamed_terms()
    return {
        "templates, named": template_texts(named, TEXTS, seed=SEED),
        "templates, unnamed": template_texts(unnamed, TEXTS, seed=SEED),
        "own, named": stem_texts(original, named, TEXTS, seed=SEED),
        "own, unnamed": stem_texts(original, unnamed, TEXTS, seed=SEED),
    }


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    original, target = results["original"], results["target"]["trait-kl"]
    runs = results["variants"]
    larger, _, smaller, former, longer, default = (
        runs[name]["by_factor"]["1"] for name in VARIANTS
    )
    movement = {name: runs[name]["movements"]["everyday"] for name in runs}
    shares = {
        name: [_removed(runs[name]["by_factor"]["1"], original, text_set) for text_set in SETS]
        for name in runs
    }
    return Page(
        title="How close the default comes to its target",
        opening=[
            show_picture("gap", "Distance from the target by kind of text, and contribution left")
        ],
        findings=[
            "The effect is small mostly because training does not reach the "
            "[target](../concepts/method.md#objectives): a model that matched it everywhere would "
            f"have a contribution of the group of {target['contribution']:.3f} nats per token "
            f"(original: {original['contribution']:.3f}, default: "
            f"{default['contribution']:.3f}), with an LMS "
            f"{results['target']['original']['lms'] - target['lms']:.1f} points lower.",
            "Of the distance from the target, the default removes "
            f"{shares['default'][0]} in built-in templates with terms that training names and "
            f"{shares['default'][1]} with other terms; in sentences that the model continues "
            f"itself, {shares['default'][2]} and {shares['default'][3]}"
            f"{_compare_kinds(default, original)}.",
            f"Larger steps remove {join_words(shares['larger steps'])} of the distance in these "
            "four kinds of text, at a movement on "
            f"everyday sentences of {movement['larger steps']:.3f} nats per token (default: "
            f"{movement['default']:.3f}).",
            f"The contribution is {default['contribution']:.3f} with the default, "
            f"{former['contribution']:.3f} with the former default, {longer['contribution']:.3f} "
            f"with three times its steps and {larger['contribution']:.3f} with larger steps; the "
            f"LMS changes by {_change('lms', default, original, 1)}, "
            f"{_change('lms', former, original, 1)}, {_change('lms', longer, original, 1)} and "
            f"{_change('lms', larger, original, 1)}, respectively.",
            "In variants that retain no facts, facts about groups became less likely: their log p "
            f"changed by {_change('fact_log_prob', larger, original, 2)} with "
            f"larger steps, and by {_change('fact_log_prob', smaller, original, 2)} with smaller "
            "steps and texts that the model itself continues; with the default, which retains "
            f"facts, by {_change('fact_log_prob', default, original, 2)}.",
        ],
        body=_body(results),
        picture=_draw(results),
    )


def _compare_kinds(scores: dict[str, Any], original: dict[str, Any]) -> str:
    """A conclusion, if the numbers support it: templates come before own texts in `SETS`."""
    left = [scores["distance"][name] / original["distance"][name] for name in SETS]
    if max(left[:2]) >= min(left[2:]):
        return ""
    return "; the kind of sentence matters more than whether training names the term"


def _change(score: str, scores: dict[str, Any], original: dict[str, Any], digits: int) -> str:
    return format_signed(scores[score] - original[score], digits)


def _removed(scores: dict[str, Any], original: dict[str, Any], text_set: str) -> str:
    """The share of the distance from the target that is gone."""
    share = 1 - scores["distance"][text_set] / original["distance"][text_set]
    return f"{share:.0%}".replace("%", " %")


def _rows(results: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row of the tables with its scores."""
    for name, variant in results["variants"].items():
        for factor, scores in variant["by_factor"].items():
            yield (name if factor == "1" else f"{name} × {factor}"), scores


def _body(results: dict[str, Any]) -> list[str]:
    original = results["original"]
    return [
        "## Variants",
        "",
        "*α*: position on the line from the original weights (0) through the trained weights (1). "
        "Movement: mean KL divergence from the original per token of ordinary text, in nats. One "
        "seed each. Variants differ in several settings, so no difference is due to one of them "
        "alone, and differences have no intervals. All but the default have an earlier loss on "
        "harmful words, which this version no longer has.",
        "",
        *markdown_table(
            (
                "variant",
                "run",
                "α",
                "perplexity",
                "everyday perplexity",
                "movement (retain, everyday)",
            ),
            [
                [
                    name,
                    VARIANTS[name].description,
                    f"{run['alpha']:.2f}",
                    f"{run['perplexity']:.3f}",
                    f"{run['everyday_perplexity']:.3f}",
                    ", ".join(f"{value:.3f}" for value in run["movements"].values()),
                ]
                for name, run in results["variants"].items()
            ],
        ),
        "## Distance from the target",
        "",
        "Mean KL divergence from the target of `trait-kl` among trait words, weighted by their "
        f"total probability, in nats per token; {TEXTS} texts each, on which no run trains.",
        "",
        *markdown_table(
            ("", *SETS.values()),
            [
                ["original", *(f"{original['distance'][name]:.4f}" for name in SETS)],
                *(
                    [
                        row,
                        *(
                            f"{scores['distance'][name]:.4f} (−{_removed(scores, original, name)})"
                            for name in SETS
                        ),
                    ]
                    for row, scores in _rows(results)
                ),
            ],
        ),
        "## Scores",
        "",
        "StereoSet, all intrasentence items (the target: those with a neutral word), with 95 % "
        "intervals over target terms. × 2: twice the weight update, beyond the budget.",
        "",
        *markdown_table(
            ("", "contribution, nats per token", "LMS", "log p of facts, nats"),
            [
                _score_row("original", original),
                *(_score_row(row, scores) for row, scores in _rows(results)),
                *(
                    _score_row(f"target of `{name}`", results["target"][name])
                    for name in ("trait-kl", "counterfactual-kl")
                ),
            ],
        ),
    ]


def _score_row(name: str, scores: dict[str, Any]) -> list[str]:
    facts = scores.get("fact_log_prob")
    return [
        name,
        format_with_interval(scores["contribution"], scores["contribution_ci"], digits=3),
        f"{scores['lms']:.1f}",
        "–" if facts is None else format_number(facts, 3),
    ]


def _draw(results: dict[str, Any]) -> str:
    original = results["original"]
    names = ["original", *(name for name, _ in _rows(results)), "target"]
    rows = [original, *(scores for _, scores in _rows(results)), results["target"]["trait-kl"]]
    distances = [
        [
            Mark(100 * scores["distance"][name] / original["distance"][name], shape)
            for name, shape in zip(SETS, SHAPES, strict=True)
        ]
        if "distance" in scores
        else [Mark(0.0, "dot")]
        for scores in rows
    ]
    return dot_plot(
        names,
        [
            Panel("distance from the target left, %", distances, line=0.0),
            Panel(
                "contribution, nats per token",
                [
                    [Mark(scores["contribution"], "dot", tuple(scores["contribution_ci"]))]
                    for scores in rows
                ],
                line=0.0,
            ),
        ],
        dict(zip(SHAPES, SETS.values(), strict=True)),
    )


PAGE = ResultsPage("gap", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
