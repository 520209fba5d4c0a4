"""What the long suites did, kept as JSON for docs/fill_security.py, so that no one types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def record(path: Path | None, command: str, **parts: Any) -> None:
    """Put parts into a file, beside those that another command put there; None: nowhere."""
    if path is None:
        return
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content = json.dumps({**facts, "made by": command, **parts}, indent=1)
    path.write_text(content + "\n", encoding="utf-8")
