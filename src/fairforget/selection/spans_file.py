"""Selected texts as JSON lines: one opens in any editor, and is a corpus that can be read back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fairforget.files.atomic import atomic_write
from fairforget.selection.selected import SelectedText


def write_spans(selected: Iterable[SelectedText], path: Path) -> int:
    """Write one object a line, as `read_corpus` reads it, with `why` beside; returns how many."""
    count = 0
    with atomic_write(path) as file:
        for count, item in enumerate(selected, 1):  # noqa: B007
            file.write(json.dumps(to_row(item), ensure_ascii=False).encode("utf-8", "replace"))
            file.write(b"\n")
    return count


def to_row(item: SelectedText) -> dict[str, object]:
    """The fields of a line."""
    text = item.text
    return {
        "id": text.id,
        "text": text.text,
        "domain": text.domain,
        "group": text.group,
        "spans": [[span.start, span.end] for span in text.spans],
        "mentions": [[m.start, m.end, *m.neutral] for m in text.mentions],
        "why": list(item.why),
        "split": text.split,
        "hateful": text.hateful,
    }
