"""Fill the demo's tables into the README and the results page from the committed records.

python docs/fill_readme.py            after `make demo`: copy its records, then fill both pages
python docs/fill_readme.py --check    fail if a page and the records differ
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.paired import Cell
from fairforget.records.paths import AFTER, BEFORE, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from page_sections import fill_section

ROOT = Path(__file__).resolve().parents[1]
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "pages" / "results" / "index.md"
RUN = ROOT / "runs" / "demo"
RECORDS = ROOT / "docs" / "results" / "demo"
FILES = (RECORD, f"{BEFORE}/{RECORD}", f"{AFTER}/{RECORD}")
COMPARISON = RECORDS / "comparison.json"
VERDICTS = {"less": "fell", "more": "rose", "undecided": "undecided"}


def summary() -> str:
    """The README's table, one row per domain of StereoSet, and two sentences on how to read it."""
    demo = _demo()
    rows = [
        "| StereoSet | SS | change of bias [95 % interval] | verdict | LMS |",
        "|---|---|---|---|---|",
    ]
    for domain, before in demo.before.items():
        after, cell = demo.after[domain], demo.cells[domain]
        ss, lms = (f"{before[name]:.1f} → {after[name]:.1f}" for name in ("ss", "lms"))
        rows.append(f"| {domain} | {ss} | {_change(cell)} | {VERDICTS[cell.verdict]} | {lms} |")
    note = (
        f"SmolLM2-135M-Instruct, {demo.run.method['steps']} steps, {demo.minutes:.0f} minutes on "
        f"two cores; perplexity {demo.cost}. One seed, no control. *profession* guided the choice "
        "of settings, so *profession* and *all* are not independent tests."
    )
    return "\n".join([*rows, "", note, ""])


def table() -> str:
    """The same for the results page: every score with its interval, and how the demo was run."""
    demo = _demo()
    rows = [
        "| StereoSet | SS before | SS after | change of bias | verdict | LMS before | LMS after |",
        "|---|---|---|---|---|---|---|",
    ]
    for domain, before in demo.before.items():
        ss, lms = (
            " | ".join(
                f"{scores[name]:.1f} [{low:.0f}, {high:.0f}]"
                for scores in (before, demo.after[domain])
                for low, high in (scores[f"{name}_ci"],)
            )
            for name in ("ss", "lms")
        )
        cell = demo.cells[domain]
        rows.append(f"| {domain} | {ss} | {_change(cell)} | {VERDICTS[cell.verdict]} | {lms} |")
    method = demo.run.method
    note = (
        f"SmolLM2-135M-Instruct, objective `{method['objective']}`, {method['steps']} steps of "
        f"{method['batch_size']} built-in texts about gender. Unlearning took {demo.minutes:.0f} "
        f"minutes on two cores. Perplexity on held-out Wikipedia text: {demo.cost}."
    )
    return "\n".join([*rows, "", note, ""])


@dataclass(frozen=True)
class Demo:
    """The records of the demo."""

    run: UnlearningRecord
    before: dict[str, Any]
    """StereoSet's scores by domain."""
    after: dict[str, Any]
    cells: dict[str, Cell]
    """The paired comparison by domain."""

    @property
    def minutes(self) -> float:
        """Time spent on unlearning, without the evaluations."""
        return sum(self.run.seconds.values()) / 60

    @property
    def cost(self) -> str:
        """The change of perplexity on held-out text, and the budget for it."""
        reached, asked = (
            100 * (ratio - 1) for ratio in (self.run.budget.reached, self.run.budget.asked)
        )
        return f"{reached:+.1f} % (budget: {asked:+.0f} %)"


def _demo() -> Demo:
    before, after = (
        read_record(RECORDS / name, EvaluationRecord).results["stereoset"]["domains"]
        for name in FILES[1:]
    )
    comparison = TypeAdapter(Comparison).validate_json(COMPARISON.read_bytes())
    cells = {
        cell.domain: cell
        for cell in comparison.cells
        if cell.main and cell.benchmark == "stereoset"
    }
    return Demo(read_record(RECORDS / RECORD, UnlearningRecord), before, after, cells)


def _change(cell: Cell) -> str:
    """By how many points bias changed, with its interval."""
    assert cell.distance is not None
    assert cell.distance.ci is not None
    low, high = cell.distance.ci
    return f"{cell.distance.delta:+.1f} [{low:+.1f}, {high:+.1f}]"


def main() -> None:
    """Fill the pages, or check them."""
    if "--check" not in sys.argv[1:] and RUN.is_dir():
        for name in FILES:
            (RECORDS / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(RUN / name, RECORDS / name)
        compared = compare(RUN / BEFORE, RUN / AFTER)
        COMPARISON.write_bytes(TypeAdapter(Comparison).dump_json(compared, indent=1) + b"\n")
    fill_section(README, "demo", summary(), "`make readme`")
    fill_section(RESULTS, "demo", table(), "`make readme`")


if __name__ == "__main__":
    main()
