"""Copy a leaderboard into docs/results and generate its page in docs/pages/results.

python docs/publish_leaderboard.py leaderboard           after `fairforget leaderboard --config
                                                         configs/leaderboard.yaml`
python docs/publish_leaderboard.py leaderboard --table   only regenerate the page

`leaderboard-ability` provides the general-ability scores on the page of `leaderboard`.

The runs are archived, so that the leaderboard can be continued on another machine, with more
methods or seeds (docs/run_archive.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION
from fairforget.comparison.score_change import Score
from fairforget.leaderboards.cost_tables import costs_table, papers_table
from fairforget.leaderboards.effects import COSTS, name_method
from fairforget.leaderboards.headline import headline
from fairforget.leaderboards.page import describe_seeds, limitations
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.leaderboards.tables import make_parts
from fairforget.records.paths import LEADERBOARD
from fairforget.records.records import LIMITED_BY_GUARD, NOT_USED_UP
from fairforget.records.store import read_record
from fairforget.report.tables import Table
from fairforget.report.wording import join_words
from fairforget.statistics.significance import SIGNIFICANT
from results_page import RESULTS, Page, render_page, show_picture, write_files
from run_archive import copy_results


@dataclass(frozen=True)
class Published:
    """What the record of a leaderboard does not say."""

    title: str
    """Title of the page."""
    model: str
    default: str
    """The page of the default on this model."""
    difference: str = ""
    """What else its numbers differ in."""
    note: str = ""
    """A sentence on what was chosen on this model."""
    ability: str = ""
    """The leaderboard with the scores of general ability, if they are measured."""


LEADERBOARDS = {
    "leaderboard": Published(
        title="Debiasing methods side by side",
        model="SmolLM2-135M-Instruct, dequantised from 4 bits to float32",
        default="default",
        ability="leaderboard-ability",
    ),
    "leaderboard-gemma": Published(
        title="Debiasing methods on Gemma 3 270M",
        model="Gemma 3 270M, dequantised from 4 bits (Q4_K_M) to float32",
        default="gemma",
        difference=", and there are three seeds",
        note="The rules for early stopping and the learning rate of `trait-kl` were set after "
        "looking at this model. ",
    ),
}
"""Name in docs/results and runs → what its page says."""
PAGES = {part.ability: name for name, part in LEADERBOARDS.items() if part.ability}
"""Leaderboard of general ability → the leaderboard with whose results it is published."""
DOTS: dict[str, Shape] = {EQUAL: "dot", PUBLISHED: "ring"}
SHOWN = (
    (SCALED_CONTRIBUTION, "scaled contribution"),
    ("ss", "stereotype score"),
    ("lms", "LMS"),
)
"""Score of StereoSet, and the title of its panel; both bias scores as distances from no bias."""


def render_leaderboard(name: str) -> dict[str, str]:
    """Markdown and picture of a leaderboard's page, by file name."""
    record = _read(name)
    (model,) = record.models
    page = Page(
        title=LEADERBOARDS[name].title,
        opening=[
            show_picture(
                name,
                "Change of the scaled contribution's distance from 0, of the stereotype score's "
                "distance from 50, and of LMS with each method, with 95 % intervals; the tables "
                "below give the numbers",
            )
        ],
        findings=[*headline(record).sentences, *_unbound(record), *_accuracy_losses(name)],
        body=_body(name, record, model),
        picture=_picture(record, model),
    )
    script = "docs/publish_leaderboard.py"
    return render_page(name, page, script=script)


def _read(name: str) -> LeaderboardRecord:
    return read_record(RESULTS / name / LEADERBOARD, LeaderboardRecord)


def _unbound(record: LeaderboardRecord) -> list[str]:
    """A sentence about the methods that cost less than allowed."""
    equal = [row for row in record.rows if row.cost == EQUAL]
    bound = {
        row.method for row in equal if NOT_USED_UP not in row.note or LIMITED_BY_GUARD in row.note
    }
    free = dict.fromkeys(row.method for row in equal if row.method not in bound)
    if not free:
        return []
    return [
        f"{join_words([f'`{name}`' for name in free])} reached no limit: interpolation ended at "
        "the largest α, or at a jump in the measured cost as α changes."
    ]


def _accuracy_losses(name: str) -> Iterator[str]:
    """A sentence about the methods that lower general ability."""
    if not LEADERBOARDS[name].ability:
        return
    record = _read(LEADERBOARDS[name].ability)
    fell = {cost: dict.fromkeys(_name_losses(record, cost)) for cost in COSTS}
    if not any(fell.values()):
        tested = len({e.method for e in record.effects})
        below = _list_by_cost({c: dict.fromkeys(_name_falls(record, c)) for c in COSTS})
        yield (
            "No loss of accuracy on PIQA or OpenBookQA was significant after Holm's correction for "
            f"any of the {tested} methods tested, within the budget or at full strength"
            + (f"; without it, accuracy fell {below}." if below else ".")
        )
        return
    yield f"Accuracy on PIQA or OpenBookQA fell significantly {_list_by_cost(fell)}."


def _list_by_cost(methods: Mapping[str, Collection[str]]) -> str:
    """List methods by cost: "within the budget with `cda` and at full strength with `leace`"."""
    return join_words(
        [f"{COSTS[cost]} with {join_words([*names])}" for cost, names in methods.items() if names]
    )


def _name_losses(record: LeaderboardRecord, cost: str) -> Iterator[str]:
    """Name the methods at a cost that lower an accuracy significantly."""
    for e in record.effects:
        decided = e.p_adjusted is not None and e.p_adjusted < SIGNIFICANT
        if (e.cost, e.domain) == (cost, ALL) and decided and e.change.value < 0:
            yield name_method(record, e.method)


def _name_falls(record: LeaderboardRecord, cost: str) -> Iterator[str]:
    """Name the methods at a cost for which the interval of a change lies below 0."""
    for e in record.effects:
        if (e.cost, e.domain) == (cost, ALL) and e.change.ci and e.change.ci[1] < 0:
            yield name_method(record, e.method)


def _picture(record: LeaderboardRecord, model: str) -> str:
    effects = {
        (e.method, e.cost, e.measure): e
        for e in record.effects
        if (e.model, e.benchmark, e.domain) == (model, "stereoset", ALL)
    }

    def order(method: str) -> tuple[bool, float]:
        """Methods within the budget first, each kind with the largest fall first."""
        known = [effects.get((method, cost, SCALED_CONTRIBUTION)) for cost in (EQUAL, PUBLISHED)]
        change = next(_change(effect) for effect in known if effect)
        return known[0] is None, change.value

    methods = sorted(dict.fromkeys(method for method, *_ in effects), key=order)
    panels = [
        Panel(
            title,
            [
                [
                    _mark(effects[method, cost, measure], DOTS[cost])
                    for cost in DOTS
                    if (method, cost, measure) in effects
                ]
                for method in methods
            ],
            line=0.0,
        )
        for measure, title in SHOWN
    ]
    legend: dict[Shape, str] = {
        "dot": "change within the budget; line: the original model",
        "ring": "change at full strength (α = 1); for methods that act at inference, the only "
        "result",
    }
    return dot_plot([name_method(record, method) for method in methods], panels, legend)


def _mark(effect: MethodEffect, shape: Shape) -> Mark:
    change = _change(effect)
    return Mark(change.value, shape, change.ci)


def _change(effect: MethodEffect) -> Score:
    """The change of the distance from no bias, or of a score that is not of bias."""
    return effect.distance or effect.change


def _body(name: str, record: LeaderboardRecord, model: str) -> Iterator[str]:
    published = LEADERBOARDS[name]
    yield (
        f"Model: {published.model}. Both score tables use the same method numbers. "
        f"{describe_seeds(record)} {published.note}"
        f"[The default's page]({published.default}.md) has more scores of `trait-kl`. Its numbers "
        "differ from those here, because its runs have the guard on harmful words and are scored "
        "on a larger sample of HateCheck and, for the gap, on one type of WinoBias only"
        f"{published.difference}. "
        "[How to read and extend this page](../how-to/leaderboard.md)."
    )
    yield from ("", *_command(name, record))
    for part in make_parts(record):
        yield from _section(part.title, part.table, part.intro)
    if published.ability:
        yield from _ability(published.ability)
    yield from _section("Cost", costs_table(record, model))
    yield from (
        "Other jobs ran on the machine at the same time, so all times are upper bounds.",
        "",
    )
    yield from _section("Sources", papers_table(record))
    yield from ("## Limitations", "")
    yield from (f"- **{title}** {text}" for title, text in limitations(record))
    yield ""
    yield from _failures(record)


def _command(name: str, record: LeaderboardRecord, *before: str) -> Iterator[str]:
    """The commands with which a leaderboard was made."""
    methods, number = (record.settings[key] for key in ("methods", "seeds"))
    command = f"fairforget leaderboard --config configs/{name}.yaml --seeds {number}"
    if record.settings["budget"]["movement"] is None:
        command += " --budget.movement null"
    yield from ("```text", *before, f"{command} \\", f"  --methods {methods}", "```", "")


def _ability(name: str) -> Iterator[str]:
    """The tables of general ability."""
    record = _read(name)
    yield from (
        "## General ability",
        "",
        "PIQA (1,500 validation questions with two choices) and OpenBookQA (500 test questions "
        "with four), run by lm-eval. The methods were rerun for these scores. "
        f"{describe_seeds(record)}",
        "",
        *_command(name, record, "python docs/general_ability.py"),
    )
    for part in make_parts(record):
        # drop the numbers: with fewer methods, they would differ from those above
        rows = [[str(name).partition(". ")[2], *cells] for name, *cells in part.table.rows]
        yield from (f"**{part.title}**", "", replace(part.table, rows=rows).markdown(), "")
    yield from (part.table.note, "")
    yield from _failures(record)


def _failures(record: LeaderboardRecord) -> Iterator[str]:
    if record.failed:
        yield from ("**Failed runs**", "")
        yield from (f"- {failure.run}: {failure.summary}" for failure in record.failed)
        yield ""


def _section(title: str, table: Table, intro: str = "") -> Iterator[str]:
    yield from (f"## {title}", "", intro, "", table.markdown(), table.note, "")


def main() -> None:
    """Copy the leaderboard, unless only the page is wanted, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*LEADERBOARDS, *PAGES]
    parser.add_argument("name", choices=names, help="name in docs/results and runs")
    parser.add_argument("--table", action="store_true", help="only regenerate the page")
    options = parser.parse_args()
    if not options.table:
        copy_results(options.name, LEADERBOARD)
    write_files(render_leaderboard(PAGES.get(options.name, options.name)))


if __name__ == "__main__":
    main()
