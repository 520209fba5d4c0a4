"""Copy a leaderboard into docs/results and generate its page in docs/pages/results.

python docs/publish_leaderboard.py           after `fairforget leaderboard --config
                                             configs/leaderboard.yaml`
python docs/publish_leaderboard.py --table   only regenerate the page
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Iterator

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.leaderboards.page import headline
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.leaderboards.tables import costs_table, make_parts
from fairforget.records.paths import LEADERBOARD
from fairforget.records.store import read_record
from fairforget.report.tables import Table
from fairforget.report.wording import join_words
from fairforget.training.interpolation import NOT_USED_UP
from results_page import RESULTS, Page, render_page, show_picture, write_files
from study_archive import ROOT

NAME = "leaderboard"
PLACE = RESULTS / NAME / LEADERBOARD
DOTS: dict[str, Shape] = {EQUAL: "dot", PUBLISHED: "ring"}
SHOWN = (
    ("contribution", "after", "contribution of the group"),
    ("ss", "after", "stereotype score"),
    ("lms", "change", "change of LMS"),
)
"""Score of StereoSet, which of its numbers, and the title of its panel."""


def render_leaderboard() -> dict[str, str]:
    """Markdown and picture of the page, by file name."""
    record = read_record(PLACE, LeaderboardRecord)
    (model,) = record.models
    page = Page(
        title="Debiasing methods side by side",
        opening=[
            show_picture(
                NAME,
                "Remaining contribution of the group, stereotype score and change of LMS of each "
                "method, with 95 % intervals; the tables below give the numbers",
            )
        ],
        findings=[*headline(record).sentences, *_unbound(record), *_unlimited(record)],
        body=_body(record, model),
        picture=_picture(record, model),
    )
    script = "docs/publish_leaderboard.py"
    return render_page(NAME, page, script=script)


def _unbound(record: LeaderboardRecord) -> list[str]:
    """A sentence about the methods that cost less than allowed."""
    free = dict.fromkeys(row.method for row in record.rows if NOT_USED_UP in row.note)
    if not free:
        return []
    return [
        f"No limit stopped {join_words([f'`{name}`' for name in free])}, which ended at the "
        "largest α and cost less than allowed."
    ]


def _unlimited(record: LeaderboardRecord) -> list[str]:
    """A sentence about the methods that cannot be limited, because they change inference."""
    rises = {
        row.method: 100 * (max(row.ratios.values()) - 1)
        for row in record.rows
        if record.methods.get(row.method) and record.methods[row.method].change == "inference"
    }
    if not rises:
        return []
    listed = join_words([f"`{name}` by {rise:.0f} %" for name, rise in rises.items()])
    return [
        "Methods that act at inference have one strength, which the limit does not apply to: they "
        f"raised perplexity, {listed}."
    ]


def _picture(record: LeaderboardRecord, model: str) -> str:
    effects = {
        (e.method, e.cost, e.measure): e
        for e in record.effects
        if (e.model, e.benchmark, e.domain) == (model, "stereoset", ALL)
    }

    def left(method: str) -> float:
        known = [effects.get((method, cost, "contribution")) for cost in (EQUAL, PUBLISHED)]
        return next(abs(effect.after.value) for effect in known if effect)

    methods = sorted(dict.fromkeys(method for method, *_ in effects), key=left)
    panels = [
        Panel(
            title,
            [
                [
                    _mark(effects[method, cost, measure], number, DOTS[cost])
                    for cost in DOTS
                    if (method, cost, measure) in effects
                ]
                for method in methods
            ],
            line=_original(effects, measure, number),
        )
        for measure, number, title in SHOWN
    ]
    legend: dict[Shape, str] = {
        "dot": f"at equal cost: {_describe_limits(record)}; line: the original model",
        "ring": "as published; the only strength of prompt and self-debias",
    }
    return dot_plot(methods, panels, legend)


def _describe_limits(record: LeaderboardRecord) -> str:
    budget = record.settings["budget"]
    limits = [f"perplexity rises by at most {100 * (budget['perplexity'] - 1):.0f} %"]
    if budget["movement"] is not None:
        limits.append(f"the model moves by at most {budget['movement']:g} nats per token")
    return join_words(limits)


def _mark(effect: MethodEffect, number: str, shape: Shape) -> Mark:
    score = effect.after if number == "after" else effect.change
    return Mark(score.value, shape, score.ci)


def _original(
    effects: dict[tuple[str, str, str], MethodEffect], measure: str, number: str
) -> float | None:
    if number == "change":
        return 0.0
    return next((e.before.value for key, e in effects.items() if key[2] == measure), None)


def _body(record: LeaderboardRecord, model: str) -> Iterator[str]:
    seeds = Counter(row.method for row in record.rows if row.cost == PUBLISHED)
    yield (
        "Model: SmolLM2-135M-Instruct in float32. Seeds of each method that depends on the seed: "
        f"{max(seeds.values())}; with one seed, intervals cover items only. "
        "[Three seeds of `trait-kl`](default.md). "
        "[How to read and extend this page](../how-to/leaderboard.md)."
    )
    methods, number = (record.settings[name] for name in ("methods", "seeds"))
    command = f"fairforget leaderboard --config configs/{NAME}.yaml --seeds {number}"
    if record.settings["budget"]["movement"] is None:
        command += " --budget.movement null"
    yield from (
        "",
        "```text",
        f"{command} \\",
        f"  --methods {methods}",
        "```",
        "",
    )
    for part in make_parts(record):
        yield from _section(part.title, part.table)
    yield from _section("Cost", costs_table(record, model))
    yield from (
        "The machine did other work meanwhile, so all times are upper bounds.",
        "",
    )
    if record.failed:
        yield "## Failed runs"
        yield ""
        yield from (f"- {failure.run}: {failure.error}" for failure in record.failed)
        yield ""


def _section(title: str, table: Table) -> Iterator[str]:
    yield from (f"## {title}", "", table.markdown(), table.note, "")


def main() -> None:
    """Copy the leaderboard, unless only the page is wanted, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", action="store_true", help="only regenerate the page")
    if not parser.parse_args().table:
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "runs" / NAME / LEADERBOARD, PLACE)
    write_files(render_leaderboard())


if __name__ == "__main__":
    main()
