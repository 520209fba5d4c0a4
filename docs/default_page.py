"""Parts of a page about the default objective on one model."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION
from fairforget.report.wording import format_number, format_signed, format_with_interval, join_words
from fairforget.statistics.jackknife import too_few
from fairforget.terminal.messages import count_of
from results_page import Page, show_picture
from seed_runs import MEASURES, TYPES
from tables import markdown_table
from target_distance import DEPENDENCE, DISTANCE

BESIDE_CONTROL = ("change in the control", "default − control")
"""Titles of the columns about the control, after that of the change."""


def build_page(name: str, title: str, choice: str, results: dict[str, Any]) -> Page:
    """The page.

    Args:
        name: of the page.
        title: its heading.
        choice: how the settings were chosen, in Markdown.
        results: from `SeedRuns.measure`.
    """
    return Page(
        title=title,
        opening=[show_picture(name, "Scaled contribution of the group, and harmful words")],
        findings=_list_findings(results),
        body=[
            *_list_summary(results),
            *(_list_excess(results) if "control" in results else ()),
            *_list_settings(results, choice),
            *_list_budget(results),
            *_list_changes(results),
        ],
        picture=_draw_changes(results),
    )


def _list_findings(results: dict[str, Any]) -> list[str]:
    """What became of bias, harmful words, utility and pronouns, one sentence each."""
    changes = results["changes"]
    contribution = changes[SCALED_CONTRIBUTION]
    judged = [domain for domain in TYPES if not too_few(contribution[domain]["clusters"])]
    fell = [domain for domain in judged if contribution[domain]["ci"][1] < 0]
    likelier, associated = (_describe_groups(changes[score]) for score in ("log_prob", "added"))
    whole, count = contribution[ALL], len(results["budget"])
    alone = sum(seed["ci"][1] < 0 for seed in whole["seeds"])
    winobias, winogender = changes["winobias"]["type2"], changes["winogender"][ALL]
    return [
        f"On StereoSet, the scaled contribution of the group fell by {describe_fall(whole)}, from "
        f"{whole['before']:.3f} MADs (0: no bias; change: {describe_change(whole, 3)}); the "
        f"interval is below 0 for {alone} of {count} seeds individually and, averaged over seeds, "
        f"in {join_words(fell) or 'no domain'}.",
        *(_describe_excess(results["control"]) if "control" in results else ()),
        "After groups, the log p of HateCheck's harmful words changed by "
        f"{describe_change(changes['log_prob'][ALL], 3)} nats on average "
        f"({likelier}), and the association "
        "(log p after the group minus that after a neutral word) by "
        f"{describe_change(changes['added'][ALL], 3)} nats ({associated}).",
        f"LMS changed by {describe_change(changes['lms'][ALL], 1)} points, WikiText-2 perplexity "
        f"by {format_signed(_perplexity_change(results), 1)} %, and log p of facts about groups by "
        f"{describe_change(changes['facts'][ALL], 3)} nats.",
        "For pronouns after an occupation, the WinoBias gap (type 2) changed by "
        f"{describe_change(winobias, 2)} nats from {winobias['before']:.2f}, and that of "
        f"Winogender by {describe_change(winogender, 2)} from {winogender['before']:.2f}.",
    ]


def _describe_groups(changes: dict[str, dict[str, Any]]) -> str:
    """The side of 0 on which the groups' intervals lie."""
    intervals = {f"`{name}`": change["ci"] for name, change in changes.items() if name != ALL}
    if above := [name for name, (low, _) in intervals.items() if low > 0]:
        return f"the interval lies above 0 for {join_words(above)}"
    undecided = [name for name, (_, high) in intervals.items() if high >= 0]
    return f"below 0 for every group{f' except {join_words(undecided)}' if undecided else ''}"


def _describe_excess(control: dict[str, Any]) -> Iterator[str]:
    """What became of bias with the control, and beyond it."""
    contribution = control["excess"][SCALED_CONTRIBUTION]
    theirs = control["changes"][SCALED_CONTRIBUTION]
    decided = [
        domain
        for domain in TYPES
        if contribution[domain]["ci"][1] < 0 and not too_few(theirs[domain]["clusters"])
    ]
    yield (
        "[The control](#control), trained on the same sentences with objects in place of groups, "
        f"changed the scaled contribution by {describe_change(theirs[ALL], 3)}; the difference is "
        f"{describe_change(contribution[ALL], 3)}; by domain, its interval lies below 0 in "
        f"{join_words(decided) or 'no domain'}."
    )


def _perplexity_change(results: dict[str, Any]) -> float:
    """The mean change of perplexity on WikiText-2 over seeds, in %."""
    first, *ratios = results["perplexity"]
    change: float = 100 * (fmean(ratios) / first - 1)
    return change


def _list_summary(results: dict[str, Any]) -> Iterator[str]:
    """A table of the scores over all domains, with the control where it was measured."""
    control = results.get("control", {})
    beyond = dict(zip(BESIDE_CONTROL, ("changes", "excess"), strict=True)) if control else {}
    yield from (
        "## Summary",
        "",
        "Means over all domains; [each domain](#scores) follows below. Bias scores are better the "
        "closer they are to 0 (SS and the stereotype score of CrowS-Pairs: to 50); the prior of "
        "CrowS-Pairs has no ideal value. Higher is better for LMS, facts and accuracy, lower for "
        "harmful words, their association, offensive attributes, and hurtful or negative text. "
        "Intervals on this page are not corrected for the number of scores, groups and domains.",
        "",
    )
    rows = []
    for name, changes in results["changes"].items():
        measure = MEASURES[name]
        domain = ALL if ALL in changes else next(reversed(changes))
        parts = [changes, *(control[part].get(name) for part in beyond.values())]
        rows.append(
            [
                measure.heading if domain == ALL else f"{measure.heading} ({domain})",
                format_number(changes[domain]["before"], measure.digits),
                *(describe_change(it[domain], measure.digits) if it else "–" for it in parts),
            ]
        )
    yield from markdown_table(("score", "before", "change", *beyond), rows)
    yield from (
        f"Perplexity on WikiText-2 changed by {format_signed(_perplexity_change(results), 1)} %.",
        "",
    )


def describe_fall(change: dict[str, Any]) -> str:
    """Return by which share of the score before it fell: "28 %"."""
    return f"{100 * (1 - change['after'] / change['before']):.0f} %"


def describe_change(change: dict[str, Any], digits: int) -> str:
    """Return a change with its interval."""
    return format_with_interval(change["change"], change["ci"], signed=True, digits=digits)


def _list_settings(results: dict[str, Any], choice: str) -> list[str]:
    """The settings, and how they were chosen."""
    method = results["method"]
    names = ("objective", "selection", "retain_loss", "retain_loss_weight", "retain_per_forget")
    forget = [corpus["name"] for corpus in results["corpora"] if corpus["role"] == "forget"]
    facts = {
        **{name: str(method[name]) for name in names},
        "retain_groups": str(method.get("retain_groups", False)).lower(),
        "steps": str(method["steps"]),
        "batch_size": str(method["batch_size"]),
        "learning rate": f"{method['learning_rate']:g}",
        "forget": f"`{','.join(forget)}`",
        "seeds": str(len(results["budget"])),
    }
    return ["## Settings", "", *markdown_table(("", ""), facts.items()), choice, ""]


def _list_budget(results: dict[str, Any]) -> list[str]:
    """What the budget let each seed do, and how long it took."""
    machine = results["machine"]
    rows = [
        [
            str(seed),
            str(steps),
            f"{budget['alpha']:.2f}",
            f"{budget['reached']:.3f}",
            f"{budget['others']['everyday_perplexity']['reached']:.3f}",
            *(f"{budget['movements'][kind]['reached']:.3f}" for kind in ("retain", "everyday")),
            *(f"{seconds[part] / 60:.0f}" for part in ("training", "interpolation")),
            budget["note"],
        ]
        for seed, (steps, budget, seconds) in enumerate(
            zip(results["steps"], results["budget"], results["seconds"], strict=True)
        )
    ]
    header = ("seed", "steps", "α", "perplexity", "everyday perplexity")
    movements = ("movement, nats", "everyday movement, nats")
    times = ("training, min", "interpolation, min")
    limit = results["budget"][0]["movements"]["retain"]["asked"]
    return [
        "## Budget and time",
        "",
        "Training stops early if perplexity stays far beyond the budget. Perplexities (ratios, "
        "after ÷ before) and movement (mean KL divergence from the original per token) are "
        "measured on held-out Wikipedia passages and on everyday sentences; movement may be at "
        f"most {limit:g} nats on either. *Not used up*: no limit was reached, usually "
        f"because α was at its maximum. Times: {count_of(machine['threads'], 'thread')} of a CPU "
        f"({machine['processor']}) that was also running other jobs, so they are upper bounds.",
        "",
        *markdown_table((*header, *movements, *times, "note"), rows),
    ]


def _list_excess(results: dict[str, Any]) -> Iterator[str]:
    """A table of the changes with the control, and of those beyond it."""
    control = results["control"]
    budgets = control["budget"]
    alphas = join_words([format_number(budget["alpha"], 2) for budget in budgets])
    moved = [budget["movements"]["everyday"]["reached"] for budget in budgets]
    movements = join_words([format_number(movement, 3) for movement in moved])
    yield from (
        "## Control",
        "",
        f"{len(budgets)} runs with the same settings on the same sentences, with an "
        "object, the weather or food in place of each group, and “thing” in place of the neutral "
        "word. They show what such training does without groups in the forget texts, "
        "and without the target for pronouns. Their loss on negative words covers all texts; that "
        "of the default leaves out occupations. The difference between the default and the control "
        "may come from the groups, from the target for pronouns, from the loss on negative words, "
        "or from the settings, which were tuned for the default only. α: "
        f"{alphas}; movement on everyday sentences: {movements} nats. Intervals cover items and "
        "the seeds of both. The scaled contribution by domain:",
        "",
    )
    yield from markdown_table(
        ("domain", "change", *BESIDE_CONTROL),
        [
            [
                domain,
                *(
                    describe_change(part[SCALED_CONTRIBUTION][domain], 3)
                    for part in (results["changes"], control["changes"], control["excess"])
                ),
            ]
            for domain in control["excess"][SCALED_CONTRIBUTION]
        ],
    )
    yield from _list_distances(control["distances"])


def _list_distances(distances: dict[str, Any]) -> Iterator[str]:
    """Tables of the distances from the target, with the runs and with the control."""
    yield from (
        "### Distance from the target",
        "",
        "How much do the runs learn about groups, and how much does the control? The distance is "
        "what training lowers: the mean KL divergence from the [target of `trait-kl`]"
        "(../concepts/method.md#objectives) among trait words, weighted by their total "
        "probability, in nats per token. For a sentence about an object, the target is what the "
        "original predicts after “thing”. No run trained on these sentences: other combinations of "
        "the built-in templates, and other beginnings that the model continued itself. Intervals "
        "cover terms and seeds.",
        "",
    )
    yield from _distance_table(distances[DISTANCE])
    yield from (
        "### Dependence on the subject",
        "",
        "This is the same divergence, but the target uses the model's own predictions instead of "
        "the original's. It measures how much the predictions still depend on which group or "
        "object a sentence is about. Like the contribution of the group, it compares the model "
        "with itself.",
        "",
    )
    yield from _distance_table(distances[DEPENDENCE])


def _distance_table(distances: dict[str, Any]) -> list[str]:
    return markdown_table(
        ("sentences about", "terms", "before", "change", *BESIDE_CONTROL),
        [
            [
                name,
                str(part["clusters"]),
                format_number(part["before"], 3),
                *(
                    f"{describe_change(part[side], 3)} ({_share(part, side)})"
                    for side in ("change", "control", "difference")
                ),
            ]
            for name, part in distances.items()
        ],
    )


def _share(distance: dict[str, Any], side: str) -> str:
    """A change as a share of the distance before: "−39 %"."""
    return f"{format_signed(100 * distance[side]['change'] / distance['before'], 0)} %"


def _list_changes(results: dict[str, Any]) -> Iterator[str]:
    """A table of each score by domain."""
    by_seed = [f"seed {seed}" for seed in range(len(results["budget"]))]
    yield from (
        "## Scores",
        "",
        "Each table gives the mean change with its 95 % interval over items and seeds, then the "
        "change with each seed, with its interval over items. Religion has three terms in "
        "StereoSet, too few for a verdict. HateCheck: 1,000 texts, by the group that they attack; "
        "none was trained on. Facts: training retained none of these, but it retained other facts "
        "of the same kind. SeeGULL: *named* nationalities are those that the built-in texts name. "
        "WinoBias: in *type1*, a causal model reads the pronoun before the words that say whom it "
        "refers to. *Clusters*: the target terms, pairs, templates or other units that the "
        "intervals treat as independent; of two kinds, the smaller number.",
        "",
    )
    for name, changes in results["changes"].items():
        measure = MEASURES[name]
        yield from (f"### {measure.heading}", "")
        yield from markdown_table(
            ("", "before", "change", *by_seed, "clusters"),
            [
                [
                    domain,
                    format_number(change["before"], measure.digits),
                    *(describe_change(it, measure.digits) for it in (change, *change["seeds"])),
                    *("–" for _ in by_seed[len(change["seeds"]) :]),
                    str(change["clusters"]),
                ]
                for domain, change in changes.items()
            ],
        )


def _draw_changes(results: dict[str, Any]) -> str:
    """A picture of the changes of the contribution of the group and of harmful words."""
    contribution, words = (results["changes"][name] for name in (SCALED_CONTRIBUTION, "log_prob"))
    labels = [*contribution, *(f"HateCheck: {group}" for group in words)]
    legend: dict[Shape, str] = {"dot": "mean change, with its 95 % interval over items and seeds"}

    def marks(changes: dict[str, Any]) -> list[list[Mark]]:
        return [[Mark(it["change"], interval=it["ci"])] for it in changes.values()]

    panels = [
        Panel(
            "change of the scaled contribution, MADs",
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
