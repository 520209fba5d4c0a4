"""A study of few items and few texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairforget.cli import main


def study_arguments(model: str, directory: Path) -> list[str]:
    """Of `fairforget`, without where it writes; what it reads is written to the directory."""
    items = [
        {
            "id": f"{domain}{number}",
            "bias_type": domain,
            "target": f"{domain}{number % 3}",
            "context": "It is BLANK.",
            "sentences": [
                {"sentence": f"It is {word} {number}.", "gold_label": label}
                for word, label in (
                    ("late", "stereotype"),
                    ("early", "anti-stereotype"),
                    ("blue", "unrelated"),
                )
            ],
        }
        for domain in ("gender", "race")
        for number in range(6)
    ]
    for item in items:
        for number, sentence in enumerate(item["sentences"]):
            sentence["id"] = f"{item['id']}-{number}"
    path = directory / "items.json"
    path.write_text(json.dumps({"version": "1", "data": {"intrasentence": items}}))
    retain = directory / "retain.csv"
    retain.write_text("text\n" + "".join(f"It rains on day {day}.\n" for day in range(200)))
    return [
        *("transfer", model, "--benchmarks", f"stereoset:{path}", "--retain", str(retain)),
        *("--steps", "2", "--batch_size", "2", "--forget", "gender,race"),
    ]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The record of the command."""
    main([*arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def without_times(study: dict[str, Any]) -> dict[str, Any]:
    """The record, but for how long it took."""
    return {name: value for name, value in study.items() if name != "seconds"}
