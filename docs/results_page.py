"""The results that a script measures, and the page that it generates from them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
RESULTS, PAGES = DOCS / "results", DOCS / "pages" / "results"


@dataclass(frozen=True)
class Page:
    """Content of a results page: below its question, a picture or a small table, then findings."""

    title: str
    opening: Sequence[str]
    """Lines of one small table, or one line that shows the picture (`show_picture`)."""
    findings: Sequence[str]
    """At most five, each one sentence."""
    body: Iterable[str]
    """Lines of the sections below."""
    picture: str = ""
    """SVG; empty if the page opens with a table."""


@dataclass(frozen=True)
class ResultsPage:
    """`docs/score_NAME.py` writes `docs/results/NAME.json` and `docs/pages/results/NAME.md`."""

    name: str
    build: Callable[[Any], Page]
    """Builds the page from the results."""

    @property
    def results_path(self) -> Path:
        """Path of the results."""
        return RESULTS / f"{self.name}.json"

    def load(self, default: Any = None) -> Any:
        """Results of the last run, or the default if there are none."""
        if not self.results_path.exists():
            return default
        return json.loads(self.results_path.read_text(encoding="utf-8"))

    def render(self, results: Any) -> dict[str, str]:
        """Content of each file of the page, by file name."""
        script = f"docs/score_{self.name}.py"
        page = self.build(results)
        footer = f"Measured by `python {script}`."
        return render_page(self.name, page, script=script, footer=footer)

    def save(self, results: Any) -> None:
        """Write the results."""
        content = json.dumps(results, indent=1) + "\n"
        self.results_path.write_text(content, encoding="utf-8")

    def write(self, results: Any) -> None:
        """Write the results and the page."""
        self.save(results)
        write_files(self.render(results))

    def run(self, description: str | None, measure: Callable[[], Any]) -> None:
        """Measure and write; with `--table`, write the page from the last results.

        Args:
            description: for `--help`.
            measure: returns the results.
        """
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument(
            "--table", action="store_true", help="only regenerate the page; measure nothing"
        )
        self.write(self.load() if parser.parse_args().table else measure())


def show_picture(name: str, alternative: str) -> str:
    """Markdown that shows the picture NAME.svg of a page."""
    return f"![{alternative}]({name}.svg)"


def render_page(name: str, page: Page, *, script: str, footer: str = "") -> dict[str, str]:
    """Markdown and picture of a page, by file name."""
    lines = [
        f"<!-- made by {script}; do not edit by hand -->",
        f"# {page.title}",
        "",
        _find_question(name),
        "",
        *page.opening,
        "",
        *(f"- {finding}" for finding in page.findings),
        "",
        *page.body,
        *([footer] if footer else []),
        "",
    ]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    files = {f"{name}.md": text.rstrip("\n") + "\n"}
    return files | ({f"{name}.svg": page.picture} if page.picture else {})


def _find_question(name: str) -> str:
    """What a page answers, from the list of all results pages.

    Raises:
        ValueError: the list lacks the page.
    """
    for line in (PAGES / "index.md").read_text(encoding="utf-8").splitlines():
        if f"]({name}.md) | " in line:
            return line.split(" | ", 1)[1].removesuffix(" |")
    raise ValueError(
        f"docs/pages/results/index.md does not list {name}.md; add it, with a question"
    )


def write_files(files: dict[str, str]) -> None:
    """Write files of the results pages."""
    for name, content in files.items():
        (PAGES / name).write_text(content, encoding="utf-8")
