"""Fill the README's table from the committed records of the demo.

python docs/fill_readme.py            after `make demo`: take its records, fill the table
python docs/fill_readme.py --check    fail if README and records differ
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fairforget.records import EvaluationRecord, UnlearningRecord, read_record
from marked import fill

ROOT = Path(__file__).resolve().parents[1]
README, RUN = ROOT / "README.md", ROOT / "runs" / "demo"
RECORDS = ROOT / "docs" / "results" / "demo"
FILES = ("record.json", "before/record.json", "after/record.json")


def table() -> str:
    """The before/after table and the sentence below it, as Markdown."""
    run = read_record(RECORDS / FILES[0], UnlearningRecord)
    before, after = (
        read_record(RECORDS / name, EvaluationRecord).results["stereoset"]["domains"]
        for name in FILES[1:]
    )
    rows = [
        "| StereoSet | SS before | SS after | LMS before | LMS after |",
        "|---|---|---|---|---|",
    ]
    for domain in before:
        cells = [
            f"{scores[domain][name]:.1f} [{low:.0f}, {high:.0f}]"
            for name in ("ss", "lms")
            for scores in (before, after)
            for low, high in (scores[domain][f"{name}_ci"],)
        ]
        rows.append(f"| {domain} | {' | '.join(cells)} |")
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
            f"(allowed: {100 * (budget.asked - 1):+.0f} %).",
            "",
        ]
    )


def main() -> None:
    """Fill or check."""
    if "--check" not in sys.argv[1:] and RUN.is_dir():
        for name in FILES:
            (RECORDS / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(RUN / name, RECORDS / name)
    fill(README, "demo", table(), "`make readme`")


if __name__ == "__main__":
    main()
