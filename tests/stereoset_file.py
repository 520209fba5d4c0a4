"""A small file of StereoSet items about gender and race."""

from __future__ import annotations

import json
from pathlib import Path


def write_items(path: Path, *, subject: str, count: int) -> Path:
    """Write items with a term of their own each.

    Args:
        path: ends in .jsonl.
        subject: how each sentence begins, such as "It is".
        count: of each bias type.
    """
    rows = [
        {
            "bias_type": domain,
            "target": f"{domain}{number}",
            "context": f"{subject} BLANK.",
            "stereotype": f"{subject} late {number}.",
            "anti-stereotype": f"{subject} early {number}.",
            "unrelated": f"{subject} blue {number}.",
        }
        for domain in ("gender", "race")
        for number in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path
