"""Generated sections of a page, between two comments that name them."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def fill_section(page: Path, name: str, content: str, remedy: str) -> None:
    """Write the content between `<!-- NAME: … -->` and `<!-- /NAME -->`; `--check` only compares.

    Args:
        page: Markdown with the two comments.
        name: of the section.
        content: whole lines.
        remedy: the command to run if page and content differ; it ends the error message.
    """
    text = page.read_text(encoding="utf-8")
    section = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled = section.sub(lambda match: match[1] + content + match[2], text)
    if "--check" in sys.argv[1:] and filled != text:
        sys.exit(f"{page.name} differs from the records in docs/results; run {remedy}")
    page.write_text(filled, encoding="utf-8")
