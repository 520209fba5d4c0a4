"""Tuned settings of counterfactual-kl on SmolLM2, three seeds: docs/pages/results/recipe.md.

python docs/score_recipe.py            three seeds, an hour on two cores; continues where it stopped
python docs/score_recipe.py --table    only regenerate the page from the last results

Run it in the root of the repository. Each seed runs `fairforget unlearn smollm2 --output DIR --seed
N` with `SETTINGS`, and defaults for everything else. The settings were chosen on perplexity, on
StereoSet's intersentence items and on its intrasentence profession items, so the page shows
profession apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from counterfactual_items import score_counterfactual_items
from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.stereoset import judge
from fairforget.cli import main as fairforget
from fairforget.comparison.domains import compare_domain
from fairforget.comparison.effects import DomainEffect, measure_effects
from fairforget.corpora import read_corpus
from fairforget.data.stereoset import read_items
from fairforget.files.atomic import atomic_write
from fairforget.models.loading import load_model
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report.wording import format_with_interval
from fairforget.statistics.distance import DistanceChange, mean_distance_change
from fairforget.statistics.estimate import Estimate
from harmful_words import score_harmful_words
from recipe_scores import (
    BENCHMARKS,
    HEADER,
    HELD_OUT,
    MANY_TERMS,
    MEASURES,
    NOTE,
    TUNED_ON,
    Scores,
    crows_distance,
    evaluate_extrapolated,
    format_row,
    list_measures,
    read_held_out_rows,
    read_scores,
    score_rows,
    stereoset_distance,
)
from results_page import Page, ResultsPage, show_picture
from tables import format_mean, markdown_table

RUNS = Path("runs") / "recipe"
SEEDS = 3
MAX_ALPHA = "2"
SETTINGS = (
    *("--objective", "counterfactual-kl", "--steps", "120", "--batch_size", "32"),
    *("--learning_rate", "3e-5", "--retain_per_forget", "0.5", "--retain_loss_weight", "1"),
    *("--retain_groups", "false", "--forget", "builtin"),
    *("--budget.max_alpha", MAX_ALPHA),
    *("--budget.movement", "null", "--budget.harmful_log_prob", "null"),
)
"""A former default of `unlearn`, without bounds on movement and harmful words."""
FACTORS = (1.5, 2.0)
"""By how much seed 0's weight update is multiplied: what more utility loss would buy."""

HARMFUL_WORDS = "harmful-words.json"
CORPORA = {"builtin": "built-in texts (training)", "hatecheck": "HateCheck (not in training)"}
TEXTS = 1000
"""Texts per corpus whose harmful words are scored."""
NEUTRAL_WORDS = ("person", "people")
"""Words that replace the group in StereoSet's sentences."""
NOT_A_GROUP = {"a", "an", "with", "of", "on", "from", "in", "people", "person"}


def measure() -> dict[str, Any]:
    """Do the missing runs and read the results of all."""
    original = RUNS / "original"
    _evaluate("smollm2", original)
    _score_harmful_words("smollm2", original)
    after = [RUNS / f"{seed}-evaluation" for seed in range(SEEDS)]
    for seed, directory in enumerate(after):
        output = ["--output", str(RUNS / str(seed)), "--seed", str(seed)]
        fairforget(["unlearn", "smollm2", *output, *SETTINGS])
        model = str(RUNS / str(seed) / MODEL)
        _evaluate(model, directory)
        _score_harmful_words(model, directory)
    records = [read_record(RUNS / str(seed) / RECORD, UnlearningRecord) for seed in range(SEEDS)]
    forget = [corpus.name for corpus in records[0].corpora if corpus.role == "forget"]
    words = list_group_words(forget)
    return {
        "method": {k: v for k, v in records[0].method.items() if k != "seed"},
        "forget": forget,
        "original": _add_term_scores(original, words),
        "counterfactual": {word: _score_counterfactual(word) for word in NEUTRAL_WORDS},
        "seeds": [_add_term_scores(directory, words) for directory in after],
        "changes": measure_changes(original, after, words),
        "harmful_words": [
            json.loads((directory / HARMFUL_WORDS).read_bytes()) for directory in (original, *after)
        ],
        "extrapolated": {
            str(factor): read_scores(
                evaluate_extrapolated(factor, RUNS / "0" / MODEL, RUNS / f"0-times-{factor}")
            )
            for factor in FACTORS
        },
        "budget": [
            {name: getattr(record.budget, name) for name in ("asked", "reached", "alpha", "note")}
            for record in records
        ],
    }


def _evaluate(model: str, output: Path) -> None:
    names = ",".join(BENCHMARKS)
    fairforget(["evaluate", model, "--output", str(output), "--benchmarks", names])


def _score_harmful_words(name: str, directory: Path) -> None:
    path = directory / HARMFUL_WORDS
    if not path.exists():
        model = load_model(name, device="cpu")
        scores = {corpus: score_harmful_words(model, corpus, texts=TEXTS) for corpus in CORPORA}
        _write_json(path, scores)


def _write_json(path: Path, content: Any) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(content).encode())


def _score_counterfactual(word: str) -> Scores:
    """StereoSet scores of the original model with the word in the place of the group, by domain."""
    path = RUNS / f"counterfactual-{word}.json"
    if not path.exists():
        items = [item for item in read_items() if item.domain in HELD_OUT]
        rows = score_counterfactual_items(load_model("smollm2", device="cpu"), items, word)
        domains = {d: score_rows([row for row in rows if row["domain"] == d]) for d in HELD_OUT}
        _write_json(path, {"held_out": score_rows(rows), "stereoset": domains})
    scores: Scores = json.loads(path.read_bytes())
    return scores


def _add_term_scores(directory: Path, words: frozenset[str]) -> Scores:
    """The scores, and StereoSet's by whether the training texts name an item's term."""
    parts: dict[str, list[dict[str, Any]]] = {"seen": [], "unseen": []}
    for item in read_held_out_rows(directory):
        parts["seen" if is_named(item, words) else "unseen"].append(item)
    terms = {name: score_rows(part) for name, part in parts.items()}
    return read_scores(directory) | {"terms": terms}


def measure_changes(
    before: Path, after: Sequence[Path], words: frozenset[str]
) -> dict[str, tuple[float, float, float]]:
    """Changes with their 95 % intervals over items and seeds: value, low, high.

    Args:
        before: evaluation of the original.
        after: evaluations of the seeds.
        words: of the group names in the training texts.

    Returns:
        `distance` (the mean of |SS − 50| over the held-out domains), `without religion`, and
        `named`, `others` and `difference` (SS of terms that the training texts name, or not).
    """
    items = read_held_out_rows(before)
    runs = [{item["id"]: item for item in read_held_out_rows(path)} for path in after]

    def effect(part: list[dict[str, Any]], name: str) -> DomainEffect:
        changed = [[run[item["id"]] for item in part] for run in runs]
        return measure_effects(compare_domain(judge, part, [changed], domain=name))["ss"][0]

    biases = [effect([i for i in items if i["domain"] == d], d).bias for d in HELD_OUT]
    distance, without_religion = (
        mean_distance_change(biases[: len(part)]) for part in (HELD_OUT, MANY_TERMS)
    )
    assert distance
    assert without_religion
    named, others = (
        effect([item for item in items if is_named(item, words) == seen], str(seen)).change
        for seen in (True, False)
    )
    changes: dict[str, Estimate | DistanceChange] = {
        "distance": distance,
        "without religion": without_religion,
        "named": named,
        "others": others,
        "difference": named - others,
    }
    return {name: (change.value, *change.ci) for name, change in changes.items()}


def is_named(item: dict[str, Any], words: frozenset[str]) -> bool:
    """Whether the training texts name a group with a word of the item's term."""
    return any(remove_plural(word) in words for word in item["term"].lower().split())


def list_group_words(corpora: Sequence[str]) -> frozenset[str]:
    """Words, in the singular, of the group names in the texts of these corpora."""
    words = {
        remove_plural(word)
        for corpus in corpora
        for text in read_corpus(corpus)
        for mention in text.mentions
        for word in text.text[mention.start : mention.end].lower().split()
    }
    return frozenset(words - NOT_A_GROUP)


def remove_plural(word: str) -> str:
    """The word without a final s."""
    return word.removesuffix("s")


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    return Page(
        title="Tuned settings of `counterfactual-kl` on SmolLM2-135M-Instruct",
        opening=[show_picture("recipe", "StereoSet scores of the original model and of each seed")],
        findings=list_findings(results),
        body=[
            *_list_settings(results),
            *_list_scores(results),
            *_list_counterfactual(results),
            *_list_terms(results),
            *_list_harmful_words(results),
            *_list_crows_pairs(results),
        ],
        picture=_draw(results),
    )


def list_findings(results: dict[str, Any]) -> list[str]:
    """One sentence each; ± is the standard deviation over seeds, and intervals include items."""
    original, seeds, terms = results["original"], results["seeds"], results["original"]["terms"]
    ratios = [seed["perplexity"] / original["perplexity"] for seed in seeds]

    def describe_ss(domain: str) -> str:
        before = original["stereoset"][domain]["ss"]
        return f"from {before:.1f} to {_mean(seeds, 'stereoset', domain, 'ss')} in {domain}"

    def mean_distance(domains: Sequence[str]) -> str:
        after = fmean(stereoset_distance(seed, domains) for seed in seeds)
        return f"{stereoset_distance(original, domains):.1f} to {after:.1f}"

    def describe_change(name: str) -> str:
        value, *ci = results["changes"][name]
        return f"{format_with_interval(value, ci, signed=True)} points"

    return [
        f"The stereotype score (SS) changed {describe_ss('gender')} and {describe_ss('race')} "
        f"(mean ± standard deviation of {len(seeds)} seeds), where 50 means no preference; [the "
        "control](study-recipe.md) shows how much of this is due to the groups.",
        f"The mean distance from 50 changed from {mean_distance(MANY_TERMS)} over gender and race, "
        f"by {describe_change('without religion')}, and from {mean_distance(HELD_OUT)} with "
        f"religion, by {describe_change('distance')}; this interval is wide because three terms do "
        "not show on which side of 50 religion is now.",
        f"LMS changed from {original['held_out']['lms']:.1f} to "
        f"{_mean(seeds, 'held_out', 'lms')}, and WikiText-2 perplexity to "
        f"{format_mean(ratios, 3)} times the original's.",
        f"SS changed from {terms['seen']['ss']:.1f} to "
        f"{fmean(seed['terms']['seen']['ss'] for seed in seeds):.1f} on terms that the training "
        f"texts name, and from {terms['unseen']['ss']:.1f} to "
        f"{fmean(seed['terms']['unseen']['ss'] for seed in seeds):.1f} on the others; the "
        f"difference of the changes, {describe_change('difference')}, includes 0.",
        f"On CrowS-Pairs the mean distance from 50 was {crows_distance(original):.1f} before and "
        f"{format_mean([crows_distance(seed) for seed in seeds], 1)} after.",
    ]


def _mean(seeds: Sequence[Scores], *keys: str) -> str:
    values = []
    for seed in seeds:
        value: Any = seed
        for key in keys:
            value = value[key]
        values.append(value)
    return format_mean(values, 1)


def _list_settings(results: dict[str, Any]) -> list[str]:
    method = results["method"]
    facts = {
        "command": f"`fairforget unlearn smollm2 --output DIR {' '.join(SETTINGS)}`",
        "objective": f"`{method['objective']}`",
        "forget corpus": ", ".join(f"`{name}`" for name in results["forget"]),
        "steps × batch size": f"{method['steps']} × {method['batch_size']}",
        "perplexity budget": f"× {results['budget'][0]['asked']:g}",
    }
    return ["## Settings", "", *markdown_table(("", ""), facts.items())]


def _list_scores(results: dict[str, Any]) -> list[str]:
    original, seeds = results["original"], results["seeds"]
    alphas = [budget["alpha"] for budget in results["budget"]]
    rows = [
        format_row("original", [original], original, "0.00"),
        *(format_row(f"seed {n}", [s], original, f"{alphas[n]:.2f}") for n, s in enumerate(seeds)),
        format_row("mean ± s.d.", seeds, original, format_mean(alphas, 2)),
        *(
            format_row(f"seed 0 × {factor}", [s], original, f"{alphas[0] * float(factor):.2f}")
            for factor, s in results["extrapolated"].items()
        ),
    ]
    return [
        "## Scores",
        "",
        f"{NOTE} α: position on the line from the original weights (0) through the trained weights "
        "(1). The last rows multiply seed 0's weight update and exceed the budget.",
        "",
        *markdown_table((*HEADER, "α"), rows),
    ]


def _list_counterfactual(results: dict[str, Any]) -> list[str]:
    rows = {"original": results["original"]}
    rows |= {f"*{word}*": scores for word, scores in results["counterfactual"].items()}
    return [
        "## The original model on counterfactual sentences",
        "",
        "StereoSet scores of the original model when the sentences say *person* or *people* "
        "instead of the group. This approximates the target of `counterfactual-kl`, and it is not "
        "50: the stereotype is often the more likely version even without the group. The "
        "replacement does not fit every sentence, which lowers LMS and may change SS. Other words, "
        "especially *he* and *she*, may still reveal the group.",
        "",
        *markdown_table(
            ("", *MEASURES),
            [[name, *(f"{x:.1f}" for x in list_measures(s))] for name, s in rows.items()],
        ),
    ]


def _list_terms(results: dict[str, Any]) -> list[str]:
    return [
        "## Terms that the training texts name",
        "",
        "Items of gender, race and religion, by whether the training texts name a group with a "
        "word of their target term; means over seeds. Most other terms are countries whose people "
        "are named (*Iraqis* in training, *Iraq* in the item), so the other terms are new words "
        "rather than new groups.",
        "",
        *markdown_table(
            ("terms", "count", "SS before", "SS after", "LMS before", "LMS after"),
            [_format_terms(*part, results) for part in (("seen", "named"), ("unseen", "others"))],
        ),
    ]


def _format_terms(part: str, name: str, results: dict[str, Any]) -> list[str]:
    before = results["original"]["terms"][part]
    after = [seed["terms"][part] for seed in results["seeds"]]
    cells = [
        f"{value:.1f}"
        for score in ("ss", "lms")
        for value in (before[score], fmean(seed[score] for seed in after))
    ]
    return [name, str(before["terms"]), *cells]


def _list_harmful_words(results: dict[str, Any]) -> list[str]:
    models = results["harmful_words"]
    columns = ("association", "log p, counterfactual")
    return [
        "## Association of groups and harmful words",
        "",
        f"In {TEXTS:,} texts each, after a mention of a group. *Log p, counterfactual*: mean log p "
        "of the harmful words in the neutral versions of the texts, in nats; *association*: how "
        "much more likely they are with the group, in nats. Both values are for the model in the "
        "row. `counterfactual-kl` aims at the original model's counterfactual log p.",
        "",
        *markdown_table(
            ("", *(f"{name}: {column}" for name in CORPORA.values() for column in columns)),
            [
                ["original", *_format_harmful_words(models[:1])],
                ["mean ± s.d.", *_format_harmful_words(models[1:])],
            ],
        ),
    ]


def _format_harmful_words(models: Sequence[dict[str, Any]]) -> Iterator[str]:
    for corpus in CORPORA:
        for measure, digits in (("association", 3), ("counterfactual_log_prob", 2)):
            yield format_mean([model[corpus][measure] for model in models], digits)


def _list_crows_pairs(results: dict[str, Any]) -> list[str]:
    models = [results["original"], *results["seeds"]]
    rows = [
        [domain, *(f"{model['crows_pairs'][domain]:.1f}" for model in models)]
        for domain in models[0]["crows_pairs"]
    ]
    return [
        "## CrowS-Pairs",
        "",
        "Share of pairs in which the more stereotypical sentence is more likely, in %; 50 means no "
        "preference. *Distance*: mean of |share − 50| over the nine types.",
        "",
        *markdown_table(
            ("type", "original", *(f"seed {n}" for n in range(len(models) - 1))),
            [*rows, ["distance", *(f"{crows_distance(model):.1f}" for model in models)]],
        ),
    ]


def _draw(results: dict[str, Any]) -> str:
    domains = [*HELD_OUT, TUNED_ON]
    before = results["original"]["stereoset"]
    marks = [
        [
            Mark(before[domain]["ss"], "diamond"),
            *(Mark(seed["stereoset"][domain]["ss"]) for seed in results["seeds"]),
        ]
        for domain in domains
    ]
    labels = [
        *HELD_OUT[:2],
        f"{HELD_OUT[2]} (three terms)",
        f"{TUNED_ON} (helped to choose settings)",
    ]
    legend: dict[Shape, str] = {
        "dot": "after unlearning, one dot per seed",
        "diamond": "original model",
    }
    panel = Panel("stereotype score (SS); 50 means no preference", marks, 50.0)
    return dot_plot(labels, [panel], legend)


PAGE = ResultsPage("recipe", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
