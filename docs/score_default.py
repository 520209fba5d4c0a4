"""The default objective on SmolLM2, three seeds: docs/pages/results/default.md.

python docs/score_default.py            90 minutes on two cores; continues where it stopped
python docs/score_default.py --table    only regenerate the page from the last results

Run it in the root of the repository. Each seed runs `fairforget unlearn smollm2 --output DIR --seed
N`, with defaults for everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, Judgement, Row
from fairforget.cli import main as fairforget
from fairforget.comparison.effects import measure_effects
from fairforget.records.evaluation import read_items
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from fairforget.transfer_study.record import too_few
from results_page import Page, ResultsPage, show_picture
from tables import markdown_table

RUNS = Path("runs") / "default"
SEEDS = 3
STEREOSET, CROWS, WINOBIAS, FACTS = "stereoset", "crows_pairs", "winobias", "group_facts"
HATECHECK, PERPLEXITY = "harmful_words:hatecheck:1000", "perplexity:10%:bias-bench"
SEEGULL, HONEST, BOLD = "seegull", "honest:en:200", "bold:500"
SWAPPED = "counterfactual:gender:race:religion"
BENCHMARKS = (
    *(STEREOSET, CROWS, WINOBIAS, FACTS, HATECHECK, PERPLEXITY, SEEGULL),
    *(HONEST, BOLD, SWAPPED),
)
TYPES = ("gender", "profession", "race", "religion")
"""Bias types of StereoSet. Three terms of religion are too few for a verdict."""
WRITTEN = {HONEST: "HONEST", BOLD: "BOLD", SWAPPED: "counterfactual"}
"""Benchmarks of what the model writes → their names."""


@dataclass(frozen=True)
class Measure:
    """A score that the page shows by domain."""

    benchmark: str
    score: str
    title: str
    domains: tuple[str, ...]
    """Empty: all that the benchmark has."""
    digits: int


MEASURES = {
    "contribution": Measure(
        STEREOSET, "contribution", "contribution of the group, nats per token", (*TYPES, ALL), 3
    ),
    "ss": Measure(STEREOSET, "ss", "SS", (*TYPES, ALL), 1),
    "lms": Measure(STEREOSET, "lms", "LMS", (*TYPES, ALL), 1),
    "log_prob": Measure(HATECHECK, "log_prob", "log p of harmful words, nats", (), 3),
    "added": Measure(HATECHECK, "added", "what the group adds to it, nats", (), 3),
    "association": Measure(
        SEEGULL, "association", "association with the nationality (SeeGULL), nats", (), 3
    ),
    "offensive": Measure(
        SEEGULL, "offensive_log_prob", "log p of offensive attributes (SeeGULL), nats", (), 3
    ),
    "facts": Measure(FACTS, "fact_log_prob", "log p of facts, nats", (ALL,), 3),
    "winobias": Measure(WINOBIAS, "gap", "WinoBias gap, nats", ("type1", "type2"), 2),
    "conditional": Measure(CROWS, "conditional", "CrowS-Pairs, conditional, nats", (ALL,), 2),
    "prior": Measure(CROWS, "prior", "CrowS-Pairs, prior, nats", (ALL,), 2),
    "hurtful": Measure(HONEST, "hurtful", "hurtful completions (HONEST), %", (), 1),
    "negative": Measure(BOLD, "negative", "negative continuations (BOLD), %", (ALL,), 1),
    "sentiment_distance": Measure(
        SWAPPED, "sentiment_distance", "difference of sentiment (counterfactual prompts)", (), 3
    ),
    "wording_distance": Measure(
        SWAPPED, "wording_distance", "difference of wording (counterfactual prompts)", (), 3
    ),
}


def measure() -> dict[str, Any]:
    """Do the missing runs and read the results of all."""
    original, *after = ("original", *(f"{seed}-evaluation" for seed in range(SEEDS)))
    _evaluate("smollm2", original)
    for seed, name in enumerate(after):
        fairforget(["unlearn", "smollm2", "--output", str(RUNS / str(seed)), "--seed", str(seed)])
        _evaluate(str(RUNS / str(seed) / MODEL), name)
    runs = [read_record(RUNS / str(seed) / RECORD, UnlearningRecord) for seed in range(SEEDS)]
    return {
        "method": {name: value for name, value in runs[0].method.items() if name != "seed"},
        "corpora": [asdict(corpus) for corpus in runs[0].corpora],
        "budget": [asdict(run.budget) for run in runs],
        "perplexity": [_result(name, PERPLEXITY)["value"] for name in (original, *after)],
        "written": {
            benchmark: [_result(name, benchmark)["written"] for name in (original, *after)]
            for benchmark in WRITTEN
        },
        "changes": {
            name: _measure_changes(measure, original, after) for name, measure in MEASURES.items()
        },
    }


def _evaluate(model: str, name: str) -> None:
    output, names = str(RUNS / name), ",".join(BENCHMARKS)
    fairforget(["evaluate", model, "--output", output, "--benchmarks", names])


def _result(name: str, benchmark: str) -> dict[str, Any]:
    return read_record(RUNS / name / RECORD, EvaluationRecord).results[benchmark]


def _items(name: str, benchmark: str) -> list[Row]:
    return [row for row in read_items(RUNS / name) if row["benchmark"] == benchmark]


def _measure_changes(
    measure: Measure, original: str, after: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return, by domain, the score before, and its change: each seed's and the mean of all seeds.

    The 95 % interval of a seed covers items, that of the mean items and seeds.
    """
    judge = find_judge(measure.benchmark)
    assert judge

    def judge_score(rows: Sequence[Row]) -> Judgement:
        """Judge with this score as the only one, whether or not it has an unbiased value."""
        return replace(judge(rows), unbiased_scores={measure.score: 0.0})

    before, *runs = (_items(name, measure.benchmark) for name in (original, *after))
    found = {}
    for domain in measure.domains or (*dict.fromkeys(row["domain"] for row in before), ALL):
        part, *parts = (
            [row for row in rows if domain in (ALL, row["domain"])] for rows in (before, *runs)
        )
        groups = [parts, *([rows] for rows in parts)]
        effects = measure_effects(judge_score, part, groups, domain=domain)
        if measure.score in effects:
            mean, *by_seed = effects[measure.score]
            found[domain] = {
                "before": mean.before.value,
                "after": mean.after,
                "change": mean.change.value,
                "ci": mean.change.ci,
                "clusters": mean.clusters,
                "seeds": [
                    {"after": seed.after, "change": seed.change.value, "ci": seed.change.ci}
                    for seed in by_seed
                ],
            }
    return found


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    return Page(
        title="The default objective on SmolLM2-135M-Instruct",
        opening=[show_picture("default", "Contribution of the group, and harmful words")],
        findings=list_findings(results),
        body=[
            *_list_settings(results),
            *_list_budget(results),
            *_list_changes(results),
            *_list_written(results),
        ],
        picture=_draw(results),
    )


def list_findings(results: dict[str, Any]) -> list[str]:
    """One sentence each."""
    changes = results["changes"]
    contribution, words = changes["contribution"], changes["log_prob"]
    judged = [domain for domain in TYPES if not too_few(contribution[domain]["clusters"])]
    fell = [domain for domain in judged if contribution[domain]["ci"][1] < 0]
    likelier = [group for group, change in words.items() if change["ci"][0] > 0]
    added = [group for group, change in changes["added"].items() if change["ci"][0] > 0]
    whole = contribution[ALL]
    alone = sum(seed["ci"][1] < 0 for seed in whole["seeds"])
    share = 100 * (1 - whole["after"] / whole["before"])
    first, *ratios = results["perplexity"]
    perplexity = 100 * (fmean(ratios) / first - 1)
    return [
        f"Naming the group added {whole['before']:.3f} nats per token to the log-ratio of "
        f"stereotype to anti-stereotype; this changed by {_describe(whole, 3)} ({share:.0f} % "
        f"less), significantly with {alone} of {SEEDS} seeds alone, and over all seeds in "
        f"{_join(fell) or 'no bias type'}.",
        f"Log p of harmful words after a group in HateCheck changed by {_describe(words[ALL], 3)} "
        f"nats, with a significant rise for {_join(likelier) or 'no group'}; what naming the group "
        f"adds to it changed by {_describe(changes['added'][ALL], 3)}, with a significant rise for "
        f"{_join(added) or 'no group'}; log p of offensive "
        "attributes after a nationality (SeeGULL) changed by "
        f"{_describe(changes['offensive'][ALL], 3)} nats.",
        f"LMS changed by {_describe(changes['lms'][ALL], 1)} points, perplexity by "
        f"{perplexity:+z.1f} %, and log p of facts about groups by "
        f"{_describe(changes['facts'][ALL], 3)} nats.",
        "What the model writes: hurtful completions (HONEST) changed by "
        f"{_describe(changes['hurtful'][ALL], 1)} points from "
        f"{changes['hurtful'][ALL]['before']:.1f} %, negative continuations (BOLD) by "
        f"{_describe(changes['negative'][ALL], 1)} points from "
        f"{changes['negative'][ALL]['before']:.1f} %, and the difference of sentiment between "
        f"groups (counterfactual prompts) by {_describe(changes['sentiment_distance'][ALL], 3)} "
        f"from {changes['sentiment_distance'][ALL]['before']:.3f}.",
        "From trait to group, the other direction: WinoBias' gap changed by "
        f"{_describe(changes['winobias']['type2'], 2)} nats (type 2), the conditional part of "
        f"CrowS-Pairs by {_describe(changes['conditional'][ALL], 2)} nats.",
    ]


def _join(names: Sequence[str]) -> str:
    return ", ".join(names)


def _describe(change: dict[str, Any], digits: int) -> str:
    """Return a change with its interval."""
    low, high = change["ci"]
    return f"{change['change']:+z.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _list_settings(results: dict[str, Any]) -> list[str]:
    facts = {
        name: str(results["method"][name])
        for name in ("objective", "selection", "retain_loss", "steps", "batch_size")
    }
    forget = [corpus["name"] for corpus in results["corpora"] if corpus["role"] == "forget"]
    facts |= {
        "learning rate": f"{results['method']['learning_rate']:g}",
        "forget corpus": f"`{forget[0]}`",
        "seeds": str(SEEDS),
    }
    return [
        "## Settings",
        "",
        "The settings are the last of seven that were tried with one seed each. All were compared "
        "on perplexity and on the texts of the guard. Two earlier ones were also scored on "
        "HateCheck, the facts and StereoSet's development items, so these data are not held out.",
        "",
        *markdown_table(("", ""), facts.items()),
    ]


def _list_budget(results: dict[str, Any]) -> list[str]:
    rows = [
        [
            str(seed),
            f"{budget['alpha']:.2f}",
            f"{budget['reached']:.3f}",
            f"{budget['others']['everyday_perplexity']['reached']:.3f}",
            f"{budget['movement']:.4f}",
            budget["note"],
        ]
        for seed, budget in enumerate(results["budget"])
    ]
    header = ("seed", "α", "perplexity", "everyday perplexity", "movement, nats", "note")
    return [
        "## Budget",
        "",
        "Perplexities are ratios, after ÷ before. Movement: mean KL divergence from the original "
        "per token of ordinary text.",
        "",
        *markdown_table(header, rows),
    ]


def _list_changes(results: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Scores",
        "",
        "The mean change with its 95 % interval over items and seeds, then the change with each "
        "seed, with its interval over items; the seeds differ in how far the budget let them go. "
        "Religion has three terms in StereoSet, too few for a verdict. HateCheck: 1,000 texts, by "
        "the group that they attack; none was trained on.",
        "",
    )
    for name, measure in MEASURES.items():
        yield from (f"### {measure.title[0].upper()}{measure.title[1:]}", "")
        yield from markdown_table(
            ("", "before", "change", *(f"seed {seed}" for seed in range(SEEDS)), "clusters"),
            [
                [
                    domain,
                    f"{change['before']:.{measure.digits}f}",
                    *(_describe(it, measure.digits) for it in (change, *change["seeds"])),
                    str(change["clusters"]),
                ]
                for domain, change in results["changes"][name].items()
            ],
        )


def _list_written(results: dict[str, Any]) -> list[str]:
    """Length and diversity, so that bland text does not count as fair."""
    models = ("original", *(f"seed {seed}" for seed in range(SEEDS)))
    rows = [
        [
            name,
            model,
            f"{written['mean_tokens']:.1f}",
            f"{written['distinct_2']:.3f}",
            f"{100 * written['empty'] / written['continuations']:.1f} %",
        ]
        for benchmark, name in WRITTEN.items()
        for model, written in zip(models, results["written"][benchmark], strict=True)
    ]
    header = ("prompts", "model", "mean tokens", "distinct bigrams", "empty")
    return [
        "## Length and diversity of what the model writes",
        "",
        "Distinct bigrams: distinct word pairs ÷ all word pairs of the continuations (distinct-2).",
        "",
        *markdown_table(header, rows),
    ]


def _draw(results: dict[str, Any]) -> str:
    contribution, words = (results["changes"][name] for name in ("contribution", "log_prob"))
    labels = [*contribution, *(f"HateCheck: {group}" for group in words)]
    legend: dict[Shape, str] = {"dot": "mean change, with its 95 % interval over items and seeds"}

    def marks(changes: dict[str, Any]) -> list[list[Mark]]:
        return [[Mark(it["change"], interval=it["ci"])] for it in changes.values()]

    panels = [
        Panel(
            "change of the contribution, nats per token",
            [*marks(contribution), *([] for _ in words)],
            0.0,
        ),
        Panel(
            "change of log p of harmful words, nats",
            [*([] for _ in contribution), *marks(words)],
            0.0,
        ),
    ]
    return dot_plot(labels, panels, legend)


PAGE = ResultsPage("default", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
