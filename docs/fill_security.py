"""Fill into SECURITY.md what the last whole runs of the long suites did, from docs/results.

python docs/fill_security.py            `make faults` and `make fuzz` do it
python docs/fill_security.py --check    fail if page and results differ
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from page_sections import fill_section

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "SECURITY.md", ROOT / "docs" / "results"


def lines(results: Path = RESULTS) -> str:
    """What each suite did when it was last recorded, as Markdown."""
    return "\n".join([*_faults(results / "faults.json"), *_fuzz(results / "fuzz.json"), ""])


def _faults(path: Path) -> list[str]:
    found = _read(path)
    if "kills" not in found:
        return ["- `make faults` has not been recorded yet."]
    return [
        f"- `make faults`: {found['kills']:,} kills of {len(found['commands'])} commands; "
        f"{found['finished']:,} of {found['resumed']:,} runs then finished as undisturbed, "
        f"nothing lost ({_time(found['seconds'])})."
    ]


def _fuzz(path: Path) -> list[str]:
    found = _read(path)
    names = {"random": "by chance", "led": "led by coverage"}
    if not names.keys() <= found.keys():
        return ["- `make fuzz` has not been recorded yet."]
    inputs = ", ".join(f"{found[part]['inputs']:,} inputs {how}" for part, how in names.items())
    wrong = sum(found[part]["wrong"] for part in names)
    seconds = sum(found[part]["seconds"] for part in names)
    readers = len(found["random"]["readers"])
    return [f"- `make fuzz`: {inputs}; {wrong} of {readers} readers wrong ({_time(seconds)})."]


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


if __name__ == "__main__":
    fill_section(PAGE, "last runs", lines(), "docs/fill_security.py")
