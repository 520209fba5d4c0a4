"""A record that contradicts itself is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairforget.errors import InputError
from fairforget.report import write_report

RESULTS = Path(__file__).parents[2] / "docs" / "results"
LEADERBOARD, DURABILITY, STUDY = (
    RESULTS / "leaderboard" / "leaderboard.json",
    RESULTS / "durability.json",
    RESULTS / "study-ascent" / "study.json",
)
CASES: list[tuple[Path, Callable[[Any], object], str]] = [
    (LEADERBOARD, lambda r: r["methods"].pop("leace"), ".method: 'leace' is not listed in methods"),
    (
        LEADERBOARD,
        lambda r: r["effects"][0].update(method="x"),
        "effects.0.method: 'x' is not listed in methods",
    ),
    (
        LEADERBOARD,
        lambda r: r["rows"][0].update(cost="x"),
        "rows.0.cost: 'x' is not published or equal",
    ),
    (LEADERBOARD, lambda r: r["rows"][1]["ratios"].clear(), "rows.1.ratios"),
    (LEADERBOARD, lambda r: r["settings"].update(budget=None), "settings.budget"),
    (
        LEADERBOARD,
        lambda r: r["settings"]["budget"].pop("perplexity"),
        "settings.budget.perplexity",
    ),
    (DURABILITY, lambda r: r["runs"].clear(), "runs: the entry 'debiased' is missing"),
    (
        DURABILITY,
        lambda r: r["effects"][0].update(attack="x"),
        "effects.0.attack: 'x' is none of none, fine-tuning, ",
    ),
    (
        DURABILITY,
        lambda r: r["effects"][0].update(attack="relearning", strength="many"),
        "effects.0.strength: 'many' is not a number of steps",
    ),
    (STUDY, lambda r: r["settings"].update(controls=None), "settings.controls"),
]


@pytest.mark.parametrize(("path", "damage", "message"), CASES)
def test_a_record_that_contradicts_itself_is_refused(
    tmp_path: Path, path: Path, damage: Callable[[Any], object], message: str
) -> None:
    record = json.loads(path.read_text())
    damage(record)
    damaged = tmp_path / f"{path.stem}.json"
    damaged.write_text(json.dumps(record))
    with pytest.raises(InputError) as refused:
        write_report(tmp_path)
    assert f"{damaged} is not a valid record: " in str(refused.value)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
