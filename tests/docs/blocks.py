"""The code blocks of a Markdown page, as a reader meets them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs/pages").rglob("*.md")]
    if not page.read_text(encoding="utf-8").startswith("<!-- made by")
)
FENCE = re.compile(
    r'(?:^<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n'
    r"(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LONG, PARSED_ONLY = "long", "parsed only"


@dataclass(frozen=True)
class Block:
    """One code block."""

    page: Path
    line: int
    language: str
    code: str
    mark: str
    """What the comment before it says: `long`, `parsed only: why`, or nothing."""
    title: str
    """The file that the page asks for."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}, line {self.line}"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start("code")),
            found["language"],
            found["code"],
            found["mark"] or "",
            found["title"] or "",
        )
        for found in FENCE.finditer(text)
    ]


def commands(code: str) -> Iterator[list[str]]:
    """The commands of a shell block, each as its words."""
    for line in code.replace("\\\n", " ").splitlines():
        command: list[str] = []
        for word in shlex.split(line, comments=True):
            if word == "&&":
                yield command
                command = []
            else:
                command.append(word)
        if command:
            yield command
