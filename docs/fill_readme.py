"""Fill the table of the README, and of the results, from the committed records of the demo.

python docs/fill_readme.py            after `make demo`: take its records, fill the tables
python docs/fill_readme.py --check    fail if pages and records differ
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pydantic import TypeAdapter

from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.paired import Cell
from fairforget.records.paths import AFTER, BEFORE, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from page_sections import fill_section

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "README.md", ROOT / "docs" / "pages" / "results" / "index.md"
RUN = ROOT / "runs" / "demo"
RECORDS = ROOT / "docs" / "results" / "demo"
FILES = (RECORD, f"{BEFORE}/{RECORD}", f"{AFTER}/{RECORD}")
COMPARISON = RECORDS / "comparison.json"
VERDICTS = {"less": "fell", "more": "rose", "undecided": "undecided"}


def table() -> str:
    """The before/after table and what is below it, as Markdown."""
    run = read_record(RECORDS / RECORD, UnlearningRecord)
    before, after = (
        read_record(RECORDS / name, EvaluationRecord).results["stereoset"]["domains"]
        for name in FILES[1:]
    )
    comparison = TypeAdapter(Comparison).validate_json(COMPARISON.read_bytes())
    cells = {cell.domain: cell for cell in comparison.cells if cell.benchmark == "stereoset"}
    rows = [
        "| StereoSet | SS before | SS after | bias, change | verdict | LMS before | LMS after |",
        "|---|---|---|---|---|---|---|",
    ]
    for domain in before:
        ss, lms = (
            " | ".join(
                f"{scores[domain][name]:.1f} [{low:.0f}, {high:.0f}]"
                for scores in (before, after)
                for low, high in (scores[domain][f"{name}_ci"],)
            )
            for name in ("ss", "lms")
        )
        rows.append(f"| {domain} | {ss} | {_change(cells[domain])} | {lms} |")
    method, budget = run.method, run.budget
    minutes = sum(run.seconds.values()) / 60
    return "\n".join(
        [
            *rows,
            "",
            f"SmolLM2-135M-Instruct after `make demo`: {method['steps']} steps of "
            f"{method['batch_size']} built-in texts about gender, objective "
            f"`{method['objective']}`; unlearning took {minutes:.0f} minutes on two cores. "
            f"Perplexity on held-out Wikipedia text changed by {100 * (budget.reached - 1):+.1f} % "
            f"(allowed: {100 * (budget.asked - 1):+.0f} %). Bias is the distance of SS from 50. "
            "It fell where the interval of its change lies below 0, the test of the items agrees "
            "(corrected p below 0.05) and there are at least six terms. The profession items had a "
            "part in the choice of settings, so their row and the last are no test of them. The "
            "demo is one seed without a control, so it shows what changed, and not why.",
            "",
        ]
    )


def _change(cell: Cell) -> str:
    """Two columns: how far bias fell or rose, and whether that is decided."""
    assert cell.distance is not None
    assert cell.distance.ci is not None
    low, high = cell.distance.ci
    return f"{cell.distance.delta:+.1f} [{low:+.1f}, {high:+.1f}] | {VERDICTS[cell.verdict]}"


def main() -> None:
    """Fill or check."""
    if "--check" not in sys.argv[1:] and RUN.is_dir():
        for name in FILES:
            (RECORDS / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(RUN / name, RECORDS / name)
        compared = compare(RUN / BEFORE, RUN / AFTER)
        COMPARISON.write_bytes(TypeAdapter(Comparison).dump_json(compared, indent=1) + b"\n")
    for page in PAGES:
        fill_section(page, "demo", table(), "`make readme`")


if __name__ == "__main__":
    main()
