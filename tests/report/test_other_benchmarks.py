"""Benchmarks without a stereotype score: their changes have verdicts on every page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairforget.card import write_card
from fairforget.comparison.paired import Cell
from fairforget.comparison.score_change import Change
from fairforget.report import write_report
from fairforget.report.other_benchmarks import cells_table, other_tables
from fairforget.report.tables import IntervalCell
from tests.report.runs import write_evaluation, write_unlearning


def cell(benchmark: str, measure: str, score: Change, distance: Change | None) -> Cell:
    counts = (100, 20, 30, 10, (0, 0))
    return Cell(benchmark, "all", measure, True, score, distance, {}, *counts, 0.001, 0.001)


NEARER = cell(
    "bbq",
    "bias_ambiguous",
    Change(-5.0, -1.0, 4.0, (2.0, 6.0)),
    Change(5.0, 1.0, -4.0, (-6.0, -2.0)),
)
"""A score below 0 that rises: bias falls."""
ABILITY = cell("lm-eval:piqa", "accuracy", Change(50.0, 60.0, 10.0, (5.0, 15.0)), None)


def test_bias_can_fall_although_the_score_rises() -> None:
    table = cells_table("bbq", [NEARER, ABILITY])
    ((_, before, after, change, verdict, p),) = table.rows
    assert isinstance(change, IntervalCell)
    assert (before, after, change.number, verdict, p) == (
        "−5.0",
        "−1.0",
        "+4.0",
        "bias fell",
        "0.0010",
    )
    assert "bias can fall although the score rises" in table.note


def test_ability_has_no_verdict() -> None:
    table = cells_table("lm-eval:piqa", [NEARER, ABILITY])
    assert "Verdict" not in [column.title for column in table.columns]
    assert [row[-1] for row in table.rows] == ["0.0010"]
    assert not table.note


def test_results_without_compared_items_are_shown_as_they_are() -> None:
    results = {"bbq": {"rate": 1.0}, "own": {"rate": 0.5}, "perplexity": {"value": 3.0}}
    first, second = other_tables(results, results, [NEARER])
    assert first.columns[4].title == "Verdict"
    assert second.rows == [["rate", "0.5", "0.5"]]


def test_an_interval_of_no_width_is_not_shown() -> None:
    same = Change(86.8, 86.8, 0.0, (0.0, 0.0))
    table = cells_table("bbq", [cell("bbq", "bias_ambiguous", same, same)])
    assert str(table.rows[0][3]) == "0.0"
    assert str(IntervalCell(0.0, (0.0, 0.0))) == "0.0 [0.0, 0.0]"  # no change, but a score


def test_warnings_about_a_comparison_are_on_the_page_and_the_card(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    path = tmp_path / "after" / "record.json"
    record = json.loads(path.read_text())
    record["model"]["dtype"] = "bfloat16"
    path.write_text(json.dumps(record))
    (tmp_path / "model").mkdir()
    for written in (write_report(tmp_path), write_card(tmp_path)):
        text = written.read_text(encoding="utf-8").replace("\\", "")
        assert "Scored in float32 before and bfloat16 after" in text


def test_an_evaluation_without_a_stereotype_score_warns_as_well(tmp_path: Path) -> None:
    path = write_evaluation(tmp_path) / "record.json"
    record = json.loads(path.read_text())
    record["results"] = {
        "bbq:chat": {"domains": {"all": {"bias_ambiguous": 1.0, "unusable_ambiguous": 80.0}}}
    }
    path.write_text(json.dumps(record))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "80 % in ambiguous contexts of the replies are unusable" in page
    assert "one repeats a stereotype" not in page  # no benchmark of pairs was measured


@pytest.mark.parametrize(
    ("benchmark", "words"),
    [
        ("crows_pairs", "the stereotype is more likely than the anti-stereotype"),
        ("seegull", "an attribute is more likely after the nationality"),
        ("decoding_trust", "the model agrees more with a statement about a stereotyped group"),
    ],
)
def test_the_headline_says_what_a_benchmark_compares(
    tmp_path: Path, benchmark: str, words: str
) -> None:
    path = write_evaluation(tmp_path) / "record.json"
    record = json.loads(path.read_text())
    record["results"] = {benchmark: {"domains": {"all": {"stereotype": 63.0, "ci": [60.0, 66.0]}}}}
    path.write_text(json.dumps(record))
    page = write_report(tmp_path).read_text(encoding="utf-8").lower()
    assert words in page
    assert "63.0 %" in page
