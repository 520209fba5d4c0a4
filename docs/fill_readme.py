"""Fill the demo's tables and the findings into the README and two pages, from the records.

python docs/fill_readme.py            after `make demo`: copy its records, then fill the pages
python docs/fill_readme.py --check    fail if a page and the records differ
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.paired import Cell
from fairforget.records.paths import AFTER, BEFORE, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record, write_record
from fairforget.report.comparison_terminal import show_comparison
from fairforget.report.wording import format_signed, format_with_interval
from fairforget.settings import DebiasSettings
from fairforget.terminal.tables import printed_by
from findings import list_findings
from page_sections import fill_section
from tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
README, PAGES_OF_DOCS = ROOT / "README.md", ROOT / "docs" / "pages"
RESULTS, START = PAGES_OF_DOCS / "results" / "index.md", PAGES_OF_DOCS / "start.md"
PAGES = "docs/pages/results/"
RUN = ROOT / "runs" / "demo"
RECORDS = ROOT / "docs" / "results" / "demo"
FILES = (RECORD, f"{BEFORE}/{RECORD}", f"{AFTER}/{RECORD}")
COMPARISON = RECORDS / "comparison.json"
SIDES = ("before", "after")
COLUMNS = 80
"""Width of the terminal whose output a page shows."""
BIAS_SCORES = {"ss": "lms", SCALED_CONTRIBUTION: "contribution"}
"""Bias score → the score that the results page shows with it."""
TITLES = {
    "ss": "SS",
    "lms": "LMS",
    "contribution_scaled": "scaled contribution",
    "contribution": "contribution (nats per token)",
}
VERDICTS = {"less": "fell", "more": "rose", "undecided": "undecided"}


def summary() -> str:
    """The README's table, one row per domain of StereoSet, and a sentence on how it was made."""
    demo = _demo()
    header = ["StereoSet"]
    for measure in BIAS_SCORES:
        header += [TITLES[measure], "verdict"]
    rows = []
    for domain in demo.before:
        row = [domain]
        for measure in BIAS_SCORES:
            cell = demo.cells[measure, domain]
            row += [demo.change(domain, measure), VERDICTS[cell.verdict]]
        rows.append(row)
    run = demo.run
    note = (
        f"SmolLM2-135M-Instruct after {run.method['steps']} steps "
        f"(default: {DebiasSettings.steps}); one seed, no control; settings "
        f"chosen partly on StereoSet. Cost: LMS {demo.change(ALL, 'lms')}; perplexity {demo.cost}."
    )
    return "\n".join([*markdown_table(header, rows), note, ""])


def table() -> str:
    """The same for the results page: every score with its interval, and how the demo was run."""
    demo = _demo()
    lines = []
    for measure in BIAS_SCORES:
        beside = BIAS_SCORES[measure]
        sides = [f"{TITLES[name]} {side}" for name in (measure, beside) for side in SIDES]
        rows = []
        for domain in demo.before:
            cell = demo.cells[measure, domain]
            scores = [demo.interval(domain, name) for name in (measure, beside)]
            rows.append([domain, *scores[0], _change(cell), VERDICTS[cell.verdict], *scores[1]])
        header = ("StereoSet", *sides[:2], "change in bias", "verdict", *sides[2:])
        lines += markdown_table(header, rows)
    method = demo.run.method
    note = (
        f"SmolLM2-135M-Instruct, objective `{method['objective']}`, {method['steps']} steps of "
        f"{method['batch_size']} built-in texts. Perplexity on held-out texts: {demo.cost}."
    )
    return "\n".join([*lines, note, ""])


def printed() -> str:
    """The first tables that `fairforget compare` prints for the demo, as a block."""
    os.environ["COLUMNS"] = str(COLUMNS)
    comparison = read_record(COMPARISON, Comparison)
    text = printed_by(lambda: show_comparison(comparison)).partition("stereoset: other scores")[0]
    block = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"```text\n{block}\n```\n"


@dataclass(frozen=True)
class Demo:
    """The records of the demo."""

    run: UnlearningRecord
    before: dict[str, Any]
    """StereoSet's scores by domain."""
    after: dict[str, Any]
    cells: dict[tuple[str, str], Cell]
    """The paired comparison by bias score and domain."""

    def change(self, domain: str, score: str) -> str:
        """A score before and after."""
        values = [side[domain][score] for side in (self.before, self.after)]
        return " → ".join(f"{value:.{_digits(score)}f}" for value in values)

    def interval(self, domain: str, score: str) -> list[str]:
        """A score before and after, each with its interval."""
        cells = []
        for side in (self.before, self.after):
            value, ci = side[domain][score], side[domain][f"{score}_ci"]
            cells.append(format_with_interval(value, ci, digits=_digits(score)))
        return cells

    @property
    def cost(self) -> str:
        """The changes of perplexity on both kinds of held-out text."""
        budget = self.run.budget
        wikipedia, everyday = (
            f"{format_signed(100 * (ratio - 1))} %" for ratio in budget.reached_ratios.values()
        )
        return f"{wikipedia} (Wikipedia) and {everyday} (everyday sentences)"


def _demo() -> Demo:
    before, after = (
        read_record(RECORDS / name, EvaluationRecord).results["stereoset"]["domains"]
        for name in FILES[1:]
    )
    comparison = read_record(COMPARISON, Comparison)
    cells = {
        (cell.measure, cell.domain): cell
        for cell in comparison.cells
        if cell.benchmark == "stereoset"
    }
    return Demo(read_record(RECORDS / RECORD, UnlearningRecord), before, after, cells)


def _change(cell: Cell) -> str:
    """By how much bias changed, in the unit of its score, with its interval."""
    assert cell.distance is not None
    assert cell.distance.ci is not None
    if cell.is_unchanged:
        return "no item changed"
    digits = _digits(cell.measure)
    return format_with_interval(cell.distance.delta, cell.distance.ci, signed=True, digits=digits)


def _digits(score: str) -> int:
    """Decimals of a score: two for the scaled contribution, to keep the README's table narrow."""
    return 2 if score == SCALED_CONTRIBUTION else measure_of(score).digits


def main() -> None:
    """Fill the pages, or check them."""
    if "--check" not in sys.argv[1:] and RUN.is_dir():
        for name in FILES:
            (RECORDS / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(RUN / name, RECORDS / name)
        compared = compare(RUN / BEFORE, RUN / AFTER)
        write_record(compared, COMPARISON)
    for page, demo, pages in ((README, summary(), PAGES), (RESULTS, table(), "")):
        fill_section(page, "demo", demo, "`make readme`")
        fill_section(page, "findings", list_findings(pages), "`make readme`")
    fill_section(START, "compare", printed(), "`make readme`")


if __name__ == "__main__":
    main()
