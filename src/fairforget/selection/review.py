"""HTML page to review selected spans, correct them and export the corrections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from fairforget.files.atomic import write_atomically
from fairforget.page_policy import page_policy, without_overrides
from fairforget.selection.selected import SelectedText, to_row

OURS = b"<title>Review of "
"""What every review page contains."""


def write_review(selected: Sequence[SelectedText], path: Path, title: str) -> None:
    """Write the self-contained page; texts are escaped, and blurred until hovered or focused."""
    from jinja2 import Environment
    from markupsafe import Markup

    rows = [to_row(item) for item in selected]
    domains = sorted({part for row in rows for part in str(row["domain"] or "").split("+")} - {""})
    # so that no text can close the script element
    data = json.dumps(rows, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
    script, style = _read_asset("review.js"), _read_asset("review.css")
    page = (
        Environment(autoescape=True, finalize=without_overrides)
        .from_string(_read_asset("review.html.j2"))
        .render(
            title=title,
            rows=rows,
            domains=domains,
            data=Markup(data),
            script=Markup(script),
            style=Markup(style),
            policy=page_policy(script, style),
        )
    )
    write_atomically(path, page.encode("utf-8", errors="replace"))


def is_review_page(path: Path) -> bool:
    """Return whether `write_review` wrote a file."""
    return OURS in path.read_bytes()


def _read_asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
