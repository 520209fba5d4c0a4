"""What naming the group adds to StereoSet's log-ratios: docs/pages/results/contribution.md.

python docs/score_contribution.py            scores smollm2, 15 minutes on one core
python docs/score_contribution.py --table    only regenerate the page from the last results

It checks the measure: how many items have a neutral word, how the variants read, what another
neutral word changes, and what a flatter distribution changes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dot_plot import Mark, Panel, dot_plot
from fairforget.benchmarks.measurement import ALL, Row, group_by_domain
from fairforget.benchmarks.stereoset import evaluate
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.scores import aggregate, smooth
from fairforget.data.stereoset import DOMAINS, Item, read_items
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.report.wording import format_with_interval
from fairforget.statistics.estimate import over_items
from fairforget.statistics.jackknife import cluster_rates, median_absolute_deviation, too_few
from fairforget.terminal.progress import progress_bar
from results_page import Page, ResultsPage, show_picture
from tables import markdown_table

PARAPHRASES = {"first": "individual, individuals, nation", "second": "human, folks, place"}
"""Paraphrases of *person*, *people* and *country* in `neutral.toml`."""
TEMPERATURES = (1.05, 1.1)
EVERY = 3
"""Paraphrases and temperatures are scored on every third item."""
SAMPLE = 40
"""Neutral variants shown."""
MEASURES = {
    "contribution": "contribution, nats per token",
    "contribution_scaled": "contribution, scaled",
    "ss_smoothed": "smoothed SS, points",
}

Results = dict[str, Any]


def measure() -> Results:
    """Score the model and its variants."""
    model = load_model("smollm2", device="cpu")
    items = read_items()
    rows = _evaluate(model, items, "Scoring StereoSet")
    part = items[::EVERY]
    variants = {
        name: _compare(_rescale(rows[::EVERY]), _paraphrased_rows(model, part, rows[::EVERY], name))
        for name in PARAPHRASES
    }
    norm = model.model.get_submodule("model.norm")
    weight = norm.get_parameter("weight").data.clone()
    for temperature in TEMPERATURES:
        norm.get_parameter("weight").data.copy_(weight / temperature)  # divides all logits
        flat = _evaluate(model, part, f"Scoring at temperature {temperature}")
        variants[str(temperature)] = _compare(_rescale(rows[::EVERY]), _rescale(flat))
    return {
        "domains": aggregate(rows),
        "intersentence": _count_intersentence(),
        "variants": variants,
        "sample": _draw_sample(items),
    }


def _evaluate(model: LanguageModel, items: Sequence[Item], title: str) -> list[Row]:
    with progress_bar(title) as advance:
        return evaluate(
            model, items=items, progress=lambda done, total: advance(done, total=total)
        ).items


def _rescale(rows: Sequence[Row]) -> list[Row]:
    """The rows with what is scaled by the spread of these rows alone."""
    margins = np.array([row["margin"] for row in rows])
    ratios = np.array([row["log_ratio"] / _tokens(row) for row in rows])
    spread = median_absolute_deviation(ratios)
    return [
        {
            **row,
            "contribution_scaled": row["contribution"] and row["contribution"] / spread,
            "ss_smoothed": float(smoothed),
        }
        for row, smoothed in zip(
            rows, smooth(margins, median_absolute_deviation(margins)), strict=True
        )
    ]


def _tokens(row: Row) -> float:
    return float(row["tokens_stereotype"] + row["tokens_anti_stereotype"]) / 2


def _paraphrased_rows(
    model: LanguageModel, items: Sequence[Item], rows: Sequence[Row], paraphrase: str
) -> list[Row]:
    """The rows with the contribution that other neutral words give."""
    variants = {
        item.id: replace(variant, term="nobody")  # needs no neutral word any more
        for item in items
        if (variant := neutral_item(item, paraphrase=paraphrase))
    }
    scored = _evaluate(model, [*variants.values()], f"Scoring the {paraphrase} paraphrase")
    neutral = {row["id"]: row["log_ratio"] for row in scored}
    changed = []
    for row in rows:
        if row["contribution"] is not None:
            difference = row["log_ratio"] - neutral[row["id"]]
            row = {**row, "contribution": difference / _tokens(row)}
        changed.append(row)
    return _rescale(changed)


def _compare(before: Sequence[Row], after: Sequence[Row]) -> dict[str, Any]:
    """Each measure by domain: before, after, and the paired difference with its interval."""
    pairs = {row["id"]: other for row, other in zip(before, after, strict=True)}
    result: dict[str, Any] = {}
    for domain, rows in group_by_domain(before, DOMAINS).items():
        counted = [row for row in rows if row["contribution"] is not None]
        terms = [row["term"] for row in counted]
        result[domain] = {}
        for name in MEASURES:
            scale = 100 if name == "ss_smoothed" else 1
            values = [[scale * row[name], scale * pairs[row["id"]][name]] for row in counted]
            _, means = cluster_rates(values, terms)
            old, new = means.mean(axis=0)
            differences = means[:, 1] - means[:, 0]
            without = (differences.sum() - differences) / (len(differences) - 1)
            change = over_items(float(new - old), {0: without}, domain=domain)
            result[domain][name] = {
                "before": float(old),
                "after": float(new),
                "difference": change.value,
                "difference_ci": change.ci,
            }
    return result


def _count_intersentence() -> dict[str, Any]:
    counts = {domain: {"items": 0, "contribution_items": 0} for domain in (*DOMAINS, ALL)}
    for item in read_items(task="intersentence"):
        for domain in (item.domain, ALL):
            counts[domain]["items"] += 1
            counts[domain]["contribution_items"] += (
                neutral_item(item, task="intersentence") is not None
            )
    return counts


def _draw_sample(items: Sequence[Item]) -> list[dict[str, str]]:
    """Neutral contexts, with "…" for the words that differ between the versions."""
    variants = [
        (item, variant) for item in items if (variant := neutral_item(item)) and variant != item
    ]
    drawn = random.Random(0).sample(variants, SAMPLE)
    return [
        {"domain": item.domain, "term": item.term, "neutral": _shared_words(variant.sentences[:2])}
        for item, variant in drawn
    ]


def _shared_words(sentences: Sequence[str]) -> str:
    first, second = (sentence.split() for sentence in sentences)
    shortest = min(len(first), len(second))
    start = next((i for i in range(shortest) if first[i] != second[i]), shortest)
    rest = shortest - start
    end = next((i for i in range(rest) if first[-1 - i] != second[-1 - i]), rest)
    return " ".join([*first[:start], "…", *first[len(first) - end :]])


def build_page(results: Results) -> Page:
    """The page."""
    domains = results["domains"]
    variants = results["variants"]
    return Page(
        title="The contribution of the group",
        opening=[
            show_picture("contribution", "Contribution of the group by domain, and its checks")
        ],
        findings=[
            f"Naming the group adds {_number(domains[ALL], 'contribution')} nats per token to the "
            "log-ratio of stereotype to anti-stereotype in the original model: "
            f"{_list_domains(domains)}.",
            f"A neutral word fits {_share(domains[ALL])} of the items "
            f"({', '.join(f'{name} {_share(domains[name])}' for name in DOMAINS)}), and "
            f"{_share(results['intersentence'][ALL])} of the intersentence items.",
            "Other neutral words change the contribution over all items by "
            f"{_change(variants['first'], 'contribution')} "
            f"(*{PARAPHRASES['first']}*) and {_change(variants['second'], 'contribution')} "
            f"(*{PARAPHRASES['second']}*).",
            "A flatter distribution changes the contribution in nats by "
            f"{_change(variants['1.05'], 'contribution')} at a temperature of 1.05 and "
            f"{_change(variants['1.1'], 'contribution')} at 1.1.",
            f"The scaled contribution, {_number(domains[ALL], 'contribution_scaled')}, changes by "
            f"{_change(variants['1.05'], 'contribution_scaled')} and "
            f"{_change(variants['1.1'], 'contribution_scaled')} at these temperatures, and the "
            "smoothed SS by "
            f"{_change(variants['1.05'], 'ss_smoothed', 2)} and "
            f"{_change(variants['1.1'], 'ss_smoothed', 2)} points.",
        ],
        body=_body(results),
        picture=_draw(results),
    )


def _number(scores: dict[str, Any], name: str, digits: int = 3) -> str:
    return format_with_interval(scores[name], scores[f"{name}_ci"], digits=digits)


def _change(variant: dict[str, Any], name: str, digits: int = 3, domain: str = ALL) -> str:
    scores = variant[domain][name]
    ci = scores["difference_ci"]
    return format_with_interval(scores["difference"], ci, signed=True, digits=digits)


def _list_domains(domains: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {_number(domains[name], 'contribution')}"
        + (f" ({domains[name]['terms']} terms)" if too_few(domains[name]["terms"]) else "")
        for name in DOMAINS
    )


def _share(scores: dict[str, Any]) -> str:
    return f"{scores['contribution_items'] / scores['items']:.0%}".replace("%", " %")


def _body(results: Results) -> list[str]:
    domains, variants = results["domains"], results["variants"]
    names = (*DOMAINS, ALL)
    return [
        "## Scores",
        "",
        "SmolLM2-135M-Instruct, intrasentence items of the development set. Brackets are 95 % "
        "intervals over target terms; religion has three.",
        "",
        *markdown_table(
            ("", "SS", "smoothed SS", *list(MEASURES.values())[:2], "items with a neutral word"),
            [
                [
                    name,
                    _number(domains[name], "ss", 1),
                    _number(domains[name], "ss_smoothed", 1),
                    _number(domains[name], "contribution"),
                    _number(domains[name], "contribution_scaled"),
                    f"{domains[name]['contribution_items']} of {domains[name]['items']}",
                ]
                for name in names
            ],
        ),
        "## Other neutral words",
        "",
        f"Change of the contribution, in nats per token, on every third item. The default words "
        "are *person*, *people* and *the country*; the first paraphrase has "
        f"*{PARAPHRASES['first']}*, the second *{PARAPHRASES['second']}*. Words such as *parent* "
        "for *mother* stay the same, and an adjective that is dropped needs no neutral word.",
        "",
        *markdown_table(
            ("", "default", "first paraphrase", "second paraphrase"),
            [
                [
                    name,
                    f"{variants['first'][name]['contribution']['before']:.3f}",
                    *(_change(variants[key], "contribution", domain=name) for key in PARAPHRASES),
                ]
                for name in names
            ],
        ),
        "## A flatter distribution",
        "",
        "All logits divided by a temperature, on every third item. A flatter distribution has "
        "smaller differences in nats, so a smaller contribution in nats alone does not show that "
        "bias fell: read it with the scaled one, or compare with an equally flat control.",
        "",
        *markdown_table(
            ("over all items", "before", *(f"change at {t}" for t in TEMPERATURES)),
            [
                [
                    title,
                    f"{variants['1.05'][ALL][name]['before']:.3f}",
                    *(_change(variants[str(t)], name) for t in TEMPERATURES),
                ]
                for name, title in MEASURES.items()
            ],
        ),
        "## A sample of the neutral versions",
        "",
        f"{SAMPLE} items drawn at random, so that readers can judge whether the neutral word fits; "
        "… stands for the words that differ between stereotype and anti-stereotype.",
        "",
        *markdown_table(
            ("term", "neutral version"),
            [[row["term"], row["neutral"].replace("|", r"\|")] for row in results["sample"]],
        ),
    ]


def _draw(results: Results) -> str:
    domains, variants = results["domains"], results["variants"]
    names = (*DOMAINS, ALL)
    low_high = [tuple(domains[name]["contribution_ci"]) for name in names]
    rows = [
        [
            Mark(domains[name]["contribution"], "dot", interval),
            Mark(variants["first"][name]["contribution"]["after"], "diamond"),
            Mark(variants["second"][name]["contribution"]["after"], "square"),
            Mark(variants["1.1"][name]["contribution"]["after"], "triangle"),
        ]
        for name, interval in zip(names, low_high, strict=True)
    ]
    return dot_plot(
        names,
        [Panel("contribution of the group, nats per token", rows, line=0.0)],
        {
            "dot": "all items, with 95 % interval",
            "diamond": f"{PARAPHRASES['first']} (every third item)",
            "square": f"{PARAPHRASES['second']} (every third item)",
            "triangle": "temperature 1.1 (every third item)",
        },
    )


PAGE = ResultsPage("contribution", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
