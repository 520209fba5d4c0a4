"""Results that a script of this directory measures, and the page that is made of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
RESULTS, PAGES = DOCS / "results", DOCS / "pages" / "results"


@dataclass(frozen=True)
class ResultsPage:
    """docs/results/NAME.json and docs/pages/results/NAME.md; docs/score_NAME.py makes both."""

    name: str
    lines: Callable[[Any], Iterable[str]]
    """Of the page, given what was measured."""

    @property
    def results(self) -> Path:
        """Where the results are."""
        return RESULTS / f"{self.name}.json"

    def last(self, otherwise: Any = None) -> Any:
        """The results that are there."""
        if not self.results.exists():
            return otherwise
        return json.loads(self.results.read_text(encoding="utf-8"))

    def text(self, found: Any) -> str:
        """The page."""
        script = f"docs/score_{self.name}.py"
        note = f"<!-- made by {script}; do not edit by hand -->"
        return "\n".join([note, *self.lines(found), "", f"Measured by `python {script}`.", ""])

    def write(self, found: Any) -> None:
        """Write both files."""
        self.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (PAGES / f"{self.name}.md").write_text(self.text(found), encoding="utf-8")

    def make(
        self, parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], Any]
    ) -> None:
        """Measure and write; with --table, write what was measured last."""
        parser.add_argument("--table", action="store_true", help="measure nothing")
        chosen = parser.parse_args()
        self.write(self.last() if chosen.table else measure(chosen))
