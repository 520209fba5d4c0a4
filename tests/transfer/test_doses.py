"""Dose-response: evaluations between the original weights and a run's result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fairforget.errors import InputError
from fairforget.records.evaluation import read_evaluation
from fairforget.transfer_study.doses import evaluate_doses, parse_doses

from ..models import tiny_model


def items_file(directory: Path) -> Path:
    """Two items of StereoSet."""
    items = [
        {
            "id": str(number),
            "bias_type": "gender",
            "target": "term",
            "context": "It is BLANK.",
            "sentences": [
                {"id": f"{number}{label}", "sentence": f"{word} {number}", "gold_label": label}
                for word, label in (
                    ("late", "stereotype"),
                    ("early", "anti-stereotype"),
                    ("blue", "unrelated"),
                )
            ],
        }
        for number in range(2)
    ]
    path = directory / "items.json"
    path.write_text(json.dumps({"version": "1", "data": {"intrasentence": items}}))
    return path


def test_each_dose_is_the_share_of_the_update(tmp_path: Path) -> None:
    name = f"stereoset:{items_file(tmp_path)}"
    original, result = (tiny_model("llama", seed).model for seed in (0, 1))
    measured = tiny_model("llama", 1)
    evaluate_doses(
        tmp_path, measured, dict(original.named_parameters()), {"0.25": 0.25}, [name, "crows_pairs"]
    )
    for new, old in zip(measured.model.parameters(), result.parameters(), strict=True):
        assert torch.equal(new, old)
    expected = tiny_model("llama", 1)
    with torch.no_grad():
        for p, zero in zip(expected.model.parameters(), original.parameters(), strict=True):
            p.copy_(torch.lerp(zero, p, 0.25))
    from fairforget import evaluate

    found = read_evaluation(tmp_path / "doses" / "0.25")
    assert found.items == evaluate(expected, [name]).items
    assert found.items != evaluate(measured, [name]).items


def test_doses_are_in_order() -> None:
    assert parse_doses("", ["crows_pairs"]) == {}
    doses = parse_doses(" .75,0.250", ["stereoset:test"])
    assert list(doses.items()) == [("0.25", 0.25), ("0.75", 0.75)]


@pytest.mark.parametrize(
    ("doses", "benchmark", "message"),
    [
        ("0.5,half", "stereoset", "'half' is not a number between 0 and 1"),
        ("0", "stereoset", "'0' is not a number"),
        ("1.0", "stereoset", "'1.0' is not a number"),
        ("nan", "stereoset", "'nan' is not a number"),
        ("0.5,0.50", "stereoset", "repeats a dose"),
        ("0.5", "crows_pairs", "add it to --benchmarks"),
    ],
)
def test_bad_doses_are_refused(doses: str, benchmark: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_doses(doses, [benchmark])
