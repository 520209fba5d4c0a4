"""Fill the results of the latest `make faults` and `make fuzz` into SECURITY.md.

python docs/fill_security.py            `make faults` and `make fuzz` call it
python docs/fill_security.py --check    fail if the page and docs/results differ
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from page_sections import fill_section

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "SECURITY.md", ROOT / "docs" / "results"


def lines(results: Path = RESULTS) -> str:
    """The latest recorded run of each suite, as a Markdown list."""
    return "\n".join([*_faults(results / "faults.json"), *_fuzz(results / "fuzz.json"), ""])


def _faults(path: Path) -> list[str]:
    found = _read(path)
    if "kills" not in found:
        return ["- `make faults` has not been recorded yet."]
    return [
        f"- `make faults`: {found['kills']:,} kills of {len(found['commands'])} commands, some in "
        f"the same run; {found['finished']:,} of {found['resumed']:,} resumed runs finished as if "
        f"not interrupted, with nothing lost ({_time(found['seconds'])})."
    ]


def _fuzz(path: Path) -> list[str]:
    found = _read(path)
    names = {"random": "random", "led": "coverage-guided"}
    if not names.keys() <= found.keys():
        return ["- `make fuzz` has not been recorded yet."]
    inputs = ", ".join(f"{found[part]['inputs']:,} {how} inputs" for part, how in names.items())
    wrong = sum(found[part]["wrong"] for part in names)
    seconds = sum(found[part]["seconds"] for part in names)
    readers = len(found["random"]["readers"])
    return [f"- `make fuzz`: {inputs}; {wrong} of {readers} readers failed ({_time(seconds)})."]


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


if __name__ == "__main__":
    fill_section(PAGE, "last runs", lines(), "docs/fill_security.py")
