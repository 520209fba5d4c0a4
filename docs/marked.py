"""A part of a page that is made, between two comments that name it."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def fill(page: Path, name: str, content: str, remedy: str) -> None:
    """Put the content between `<!-- NAME: … -->` and `<!-- /NAME -->`; with --check, look only.

    Args:
        page: Markdown with the two comments.
        name: what they call the part.
        content: whole lines.
        remedy: what to run where page and content differ; ends the message.
    """
    text = page.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled = marks.sub(lambda found: found[1] + content + found[2], text)
    if "--check" in sys.argv[1:] and filled != text:
        sys.exit(f"{page.name} and the records in docs/results differ; run {remedy}")
    page.write_text(filled, encoding="utf-8")
