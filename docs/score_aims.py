"""What the default is meant to reach, and what it reaches: docs/pages/results/aims.md.

python docs/score_aims.py            a minute, from the archived runs of the leaderboard
python docs/score_aims.py --table    only regenerate the page from the last results

Run it in the root of the repository. The page also shows numbers of docs/results/default.json,
gemma.json and gap.json, and of the leaderboard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from default_page import describe_change, describe_fall
from dot_plot import Shape
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import CONTRIBUTION, SCALED_CONTRIBUTION
from fairforget.leaderboards.effects import overall_effects
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.methods.unlearning import DEFAULT
from fairforget.records.paths import LEADERBOARD
from fairforget.records.store import read_record
from fairforget.report.wording import (
    format_number,
    format_signed,
    format_with_interval,
    join_words,
)
from fairforget.statistics.jackknife import too_few
from fairforget.terminal.messages import count_of
from leaderboard_items import PARTS, measure_terms_and_pronouns
from results_page import RESULTS, Page, ResultsPage, show_picture
from scatter_plot import ScatterPoint, scatter_plot
from seed_runs import MEASURES, TYPES
from tables import markdown_table

FALL, HALF, LEAST_FACTS, LOSS, RISE = 0.8, 0.5, -0.05, -0.5, 1.0
"""The aims: shares of the scaled contribution and of the WinoBias gap, nats of facts, points of
LMS, and % of perplexity."""
MODELS = {"default": "SmolLM2", "gemma": "Gemma 3"}
"""Name of the results → column of the table."""
LARGER = "larger steps"
"""The variant whose update was also doubled."""
NOT_MEASURED = "not measured"
Answer = tuple[str, bool | None]
"""What was reached, and whether that is the aim; None if it was not measured."""


@dataclass(frozen=True)
class Aim:
    """Something that the default should reach."""

    text: str
    answer: Callable[[dict[str, Any]], Answer]
    """From the results of a model."""


def _contribution(results: dict[str, Any]) -> Answer:
    whole = results["changes"][SCALED_CONTRIBUTION][ALL]
    return f"falls by {describe_fall(whole)}", abs(whole["after"]) <= (1 - FALL) * whole["before"]


def _every_type(results: dict[str, Any]) -> Answer:
    changes = results["changes"][SCALED_CONTRIBUTION]
    fell = [name for name in TYPES if changes[name]["ci"][1] < 0]
    few = [name for name in fell if too_few(changes[name]["clusters"])]
    text = join_words([f"{name} (too few terms)" if name in few else name for name in fell])
    return f"falls in {text or 'none'}", [*fell] == [*TYPES] and not few


def _lms(results: dict[str, Any]) -> Answer:
    change = results["changes"]["lms"][ALL]
    return describe_change(change, 1), change["change"] >= LOSS


def _perplexity(results: dict[str, Any]) -> Answer:
    reached = [
        facts["reached"]
        for budget in results["budget"]
        for facts in (budget, *budget["others"].values())
    ]
    worst = 100 * (max(reached) - 1)
    return f"at most {format_number(worst, 1)} %", worst <= RISE


def _ability(results: dict[str, Any]) -> Answer:
    changes = [results["changes"].get(name, {}).get(ALL) for name in ("piqa", "openbookqa")]
    known = [change for change in changes if change]
    if not known:
        return NOT_MEASURED, None
    text = join_words([describe_change(change, 1) for change in known])
    (seeds,) = {len(change["seeds"]) for change in known}
    if seeds < len(results["budget"]):
        text += f" ({count_of(seeds, 'seed')})"
    return f"PIQA and OpenBookQA: {text}", all(change["ci"][1] >= 0 for change in known)


def _winobias(results: dict[str, Any]) -> Answer:
    change = results["changes"]["winobias"]["type2"]
    return f"falls by {describe_fall(change)}", abs(change["after"]) <= HALF * change["before"]


def _conditional(results: dict[str, Any]) -> Answer:
    change = results["changes"]["conditional"][ALL]
    return describe_change(change, 2), change["ci"][1] < 0 <= change["after"]


def _prior(results: dict[str, Any]) -> Answer:
    change = results["changes"]["prior"][ALL]
    low, high = change["ci"]
    return describe_change(change, 2), low <= 0 <= high


def _no_rise(score: str) -> Callable[[dict[str, Any]], Answer]:
    def answer(results: dict[str, Any]) -> Answer:
        changes = results["changes"][score]
        rose = [name for name, change in changes.items() if change["ci"][0] > 0]
        text = describe_change(changes[ALL], 3)
        text += f"; rises for {join_words(rose)}" if rose else ""
        return text, changes[ALL]["ci"][1] <= 0 and not rose

    return answer


def _guard_words(results: dict[str, Any]) -> Answer:
    changes = [budget["harmful_words"]["change"] for budget in results["budget"]]
    return _describe_seeds(changes), max(changes) <= 0


def _guard_added(results: dict[str, Any]) -> Answer:
    words = [budget["harmful_words"] for budget in results["budget"]]
    changes = [it["added_after"] - it["added_before"] for it in words]
    return _describe_seeds(changes), max(changes) <= 0


def _describe_seeds(changes: list[float]) -> str:
    """The mean and the range over seeds, of a score without an interval."""
    low, high = (format_signed(bound, 3) for bound in (min(changes), max(changes)))
    return f"{format_signed(fmean(changes), 3)} (seeds: {low} to {high})"


def _facts(results: dict[str, Any]) -> Answer:
    change = results["changes"]["facts"][ALL]
    return describe_change(change, 3), change["change"] >= LEAST_FACTS


AIMS = (
    Aim(f"The scaled contribution of the group falls by {100 * FALL:.0f} % or more", _contribution),
    Aim("It falls significantly in each domain of StereoSet", _every_type),
    Aim(f"LMS falls by at most {-LOSS:g} points", _lms),
    Aim(f"Perplexity on held-out texts rises by at most {RISE:g} % (the budget)", _perplexity),
    Aim("General ability does not fall significantly", _ability),
    Aim("The gap of WinoBias (type 2) is halved", _winobias),
    Aim("CrowS-Pairs: the conditional part, in nats, comes closer to 0", _conditional),
    Aim("CrowS-Pairs: the prior part, in nats, does not change", _prior),
    Aim("HateCheck: harmful words do not become likelier, nats", _no_rise("log_prob")),
    Aim("SeeGULL: offensive attributes do not become likelier, nats", _no_rise("offensive")),
    Aim("HateCheck: the association with harmful words does not rise, nats", _no_rise("added")),
    Aim("Built-in texts of the guard: harmful words do not become likelier, nats", _guard_words),
    Aim("The same texts: the association with harmful words does not rise, nats", _guard_added),
    Aim(f"Facts about groups lose at most {-LEAST_FACTS:g} nats", _facts),
)


def build_page(results: dict[str, Any]) -> Page:
    """The page."""
    models = {name: json.loads((RESULTS / f"{name}.json").read_bytes()) for name in MODELS}
    gap = json.loads((RESULTS / "gap.json").read_bytes())
    answers = [[aim.answer(models[name]) for name in MODELS] for aim in AIMS]
    points = list(_list_points(gap))
    return Page(
        title="Aims of the default, and what it reaches",
        opening=[
            show_picture(
                "aims",
                "Contribution of the group against the change in LMS, for every target, setting "
                "and method; the table below gives the numbers",
            )
        ],
        findings=list(_list_findings(results, models, gap, answers)),
        body=[
            *_list_aims(answers),
            *_list_reasons(gap),
            *_list_terms(results),
            *_list_pronouns(results),
            *_list_frontier(points),
        ],
        picture=_draw(points),
    )


def _list_findings(
    results: dict[str, Any],
    models: dict[str, Any],
    gap: dict[str, Any],
    answers: list[list[Answer]],
) -> Iterator[str]:
    counts = [
        f"{sum(row[n][1] is True for row in answers)} of "
        f"{sum(row[n][1] is not None for row in answers)}"
        for n in range(len(MODELS))
    ]
    yield (
        f"Of the aims set for it, the default reaches {counts[0]} on SmolLM2 and {counts[1]} on "
        "Gemma 3."
    )
    falls = [describe_fall(models[name]["changes"][SCALED_CONTRIBUTION][ALL]) for name in MODELS]
    target, original = gap["target"]["trait-kl"], gap["target"]["original"]
    share = 100 * (1 - target[CONTRIBUTION] / original[CONTRIBUTION])
    yield (
        f"The main aim, a fall of {100 * FALL:.0f} % in the scaled contribution, is far from "
        f"reached: it falls by {falls[0]} (SmolLM2) and {falls[1]} (Gemma 3), and even a model "
        "that matched the target everywhere would lower the unscaled contribution by only "
        f"{share:.0f} %, with an LMS {original['lms'] - target['lms']:.1f} points lower."
    )
    terms = results["terms"][SCALED_CONTRIBUTION]
    named, others, difference = (describe_change(terms[part], 3) for part in PARTS)
    low, high = terms["difference"]["ci"]
    verdict = "the difference is undecided" if low <= 0 <= high else "the two differ"
    yield (
        f"The scaled contribution changes by {named} for StereoSet's terms that training names and "
        f"by {others} for others ({verdict}: {difference})."
    )
    pronouns = results["pronouns"]["type2"]
    low, high = pronouns["difference"]["ci"]
    yield (
        "The mean log p of WinoBias sentences (type 2) with masculine pronouns changes by "
        f"{describe_change(pronouns['masculine'], 2)} nats and that of those with feminine ones by "
        f"{describe_change(pronouns['feminine'], 2)}; the difference between the two, "
        f"{describe_change(pronouns['difference'], 2)}, "
        f"{'is undecided' if low <= 0 <= high else 'is significant'}."
    )


def _list_aims(answers: list[list[Answer]]) -> Iterator[str]:
    words = {True: "reached", False: "**missed**", None: NOT_MEASURED}
    yield from (
        "## Aims",
        "",
        "Means over three seeds, with 95 % intervals over items and seeds: "
        "[SmolLM2](default.md), [Gemma 3](gemma.md). Shares and amounts are judged by the mean. "
        "“Do not become likelier” and “does not rise” are missed if the interval over all groups "
        "goes above 0, or if that of one group lies above it. “Does not change” is missed if the "
        "interval excludes 0, “does not fall significantly” if it lies below 0; “falls "
        "significantly” and “comes closer to 0” need an interval below 0. The texts of the guard "
        "have no interval: there, no seed may be above 0. No interval is corrected "
        "for the number of scores or domains.",
        "",
    )
    header = ["aim"]
    for name in MODELS.values():
        header += [name, "reached"]
    yield from markdown_table(
        header,
        [
            [
                aim.text,
                *(cell for text, reached in row for cell in (text, words[reached])),
            ]
            for aim, row in zip(AIMS, answers, strict=True)
        ],
    )


def _list_reasons(gap: dict[str, Any]) -> Iterator[str]:
    original, runs = gap["original"], gap["variants"]
    near = runs["default"]["by_factor"]["1"]["distance"]
    removed = [100 * (1 - near[name] / far) for name, far in original["distance"].items()]
    single, double = (runs[LARGER]["by_factor"][factor] for factor in ("1", "2"))
    former, longer = (
        runs[name]["by_factor"]["1"][CONTRIBUTION]
        for name in ("former default", "former default, 240 steps")
    )
    yield from (
        "## Why the contribution falls so little",
        "",
        "- *The target.* The target of `trait-kl` changes only trait words, and keeps their total "
        "probability. What it leaves is due to other words, to the total probability of trait "
        "words, and to negative words, which it never makes likelier.",
        f"- *New sentences.* In sentences that training does not contain, the default removes "
        f"{min(removed):.0f} to {max(removed):.0f} % of the "
        "[distance from the target](gap.md#distance-from-the-target).",
        "- *Not the number of steps.* With three times as many steps of a former default, the "
        f"contribution is {longer:.3f} instead of {former:.3f} nats per token (original: "
        f"{original[CONTRIBUTION]:.3f}).",
        "- *The limits.* A larger effect costs more: when the weight update of the variant "
        f"[*{LARGER}*](gap.md#variants) was doubled, beyond the budget, the contribution fell from "
        f"{single[CONTRIBUTION]:.3f} to {double[CONTRIBUTION]:.3f}, and the "
        f"log p of facts changed from {format_number(single['fact_log_prob'], 2)} to "
        f"{format_number(double['fact_log_prob'], 2)} ([scores](gap.md#scores)).",
        "",
    )


def _list_terms(results: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Terms that training names",
        "",
        "StereoSet, all domains, by whether the built-in corpora name a group with a word of "
        "the target term. Archived runs of `trait-kl` on [the leaderboard](leaderboard.md) "
        f"({count_of(results['seeds'], 'seed')}), which are those of the default without the guard "
        "on harmful words.",
        "",
    )
    yield from markdown_table(
        ("score", "named: before", "change", "others: before", "change", "difference"),
        [
            [
                MEASURES[score].heading,
                *(
                    cell
                    for part in PARTS[:2]
                    for cell in (
                        format_number(parts[part]["before"], MEASURES[score].digits),
                        describe_change(parts[part], MEASURES[score].digits),
                    )
                ),
                describe_change(parts["difference"], MEASURES[score].digits),
            ]
            for score, parts in results["terms"].items()
        ],
    )
    counts = results["terms"]["ss"]
    yield from (
        f"Terms: {counts['named']['clusters']} named, {counts['others']['clusters']} others.",
        "",
    )


def _list_pronouns(results: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Pronouns",
        "",
        "Does the gap of WinoBias fall because one pronoun became likelier everywhere? Change of "
        "the mean log p of its sentences by the gender of their pronouns, in nats per sentence, in "
        "the same runs:",
        "",
    )
    yield from markdown_table(
        ("sentences", "masculine", "feminine", "difference"),
        [
            [name, *(describe_change(parts[part], 2) for part in parts)]
            for name, parts in results["pronouns"].items()
        ],
    )


@dataclass(frozen=True)
class FrontierPoint:
    """A target, a setting or a method."""

    name: str
    shape: Shape
    lms: float
    """Change of LMS."""
    contribution: float
    interval: tuple[float, float] | None


SHAPES: dict[Shape, str] = {
    "diamond": "original",
    "triangle": "target that a model would match, without training",
    "dot": "setting of this project, one seed",
    "square": "method within the budget",
    "ring": "method, at full strength",
}


def _list_points(gap: dict[str, Any]) -> Iterator[FrontierPoint]:
    def point(name: str, shape: Shape, scores: dict[str, Any], lms: float) -> FrontierPoint:
        low, high = scores["contribution_ci"]
        return FrontierPoint(name, shape, scores["lms"] - lms, scores[CONTRIBUTION], (low, high))

    original = gap["original"]
    yield point("original", "diamond", original, original["lms"])
    for name, scores in gap["target"].items():
        if name != "original":
            yield point(f"target of `{name}`", "triangle", scores, gap["target"]["original"]["lms"])
    for name, run in gap["variants"].items():
        for factor, scores in run["by_factor"].items():
            label = name if factor == "1" else f"{name} × {factor}"
            yield point(label, "dot", scores, original["lms"])
    record = read_record(RESULTS / "leaderboard" / LEADERBOARD, LeaderboardRecord)
    shapes: dict[str, Shape] = {EQUAL: "square", PUBLISHED: "ring"}
    (model,) = record.models
    effects = overall_effects(record, model)
    for (method, cost, benchmark, measure), effect in effects.items():
        if measure == CONTRIBUTION and (cost, method) != (EQUAL, DEFAULT):
            lms = effects[method, cost, benchmark, "lms"].change.value
            name = f"`{method}`" + (", at full strength" if cost == PUBLISHED else "")
            after = effect.after
            yield FrontierPoint(name, shapes[cost], lms, after.value, after.ci)


def _list_frontier(points: list[FrontierPoint]) -> Iterator[str]:
    yield from (
        "## Frontier",
        "",
        "Targets, settings and methods that were measured on StereoSet with SmolLM2: the "
        "contribution of the group in nats per token, with its 95 % interval over target terms "
        "(and seeds, where a method has several), and the change in LMS. The default has one "
        "seed here, as has every other setting; the leaderboard's `trait-kl` within the budget, "
        "which differs only in having no guard, is left out. Lower and further right is better. "
        "The contribution is not scaled by the spread of the model's log-ratios, which some "
        "methods change ([the leaderboard](leaderboard.md) has the scaled one). "
        "[Variants](gap.md#variants) describes rows such as *larger steps*. Marks that lie close "
        "to others have no number in the picture.",
        "",
    )
    yield from markdown_table(
        ("number", "", "contribution, nats per token", "LMS, change"),
        [
            [
                str(number),
                point.name,
                format_with_interval(point.contribution, point.interval, digits=3),
                format_number(point.lms, 1),
            ]
            for number, point in enumerate(points)
        ],
    )


def _draw(points: list[FrontierPoint]) -> str:
    marks = [
        ScatterPoint(number, point.lms, point.contribution, point.shape)
        for number, point in enumerate(points)
    ]
    titles = ("change in LMS, points", "contribution of the group, nats per token")
    return scatter_plot(marks, titles, SHAPES)


PAGE = ResultsPage("aims", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure_terms_and_pronouns)
