"""Two runs of one command: equal figures leave no difference, and each changed one is named."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.comparison.rerun import (
    Difference,
    compare_runs,
    is_finished,
    read_rerunnable,
)
from fairforget.errors import InputError
from fairforget.records.environment import Environment
from fairforget.records.paths import AFTER, BEFORE, ITEMS, RECORD
from fairforget.records.records import BudgetFacts, EvaluationRecord, ModelFacts, UnlearningRecord
from fairforget.records.store import write_record

MODEL = ModelFacts("tiny", 1234, "float32", "<s>", weights="a" * 64, revision="main")
ENVIRONMENT = Environment("0.1.0", "2.9.0", "5.6.0", "3.11.9", "cpu", threads=2)
RESULTS = {
    "stereoset": {"protocol": "bos", "domains": {"gender": {"ss": 60.0, "ci": [50.0, 70.0]}}}
}
FIGURES_OF_RESULTS = 4
"""Protocol, score and the two ends of its interval."""
COLUMNS = 4
"""Of an item."""


def write_evaluation(directory: Path, **changes: Any) -> Path:
    """An evaluation of two items."""
    record = EvaluationRecord(MODEL, RESULTS, ENVIRONMENT, {"stereoset": 1.0})
    write_record(replace(record, **changes), directory / RECORD)
    rows = [
        {"benchmark": "stereoset", "id": name, "domain": "gender", "score_stereotype": -3.5}
        for name in ("a", "b")
    ]
    pq.write_table(pa.Table.from_pylist(rows), directory / ITEMS)
    return directory


def write_unlearning(directory: Path, **changes: Any) -> Path:
    """An unlearning run with its evaluations before and after."""
    budget = BudgetFacts(1.01, 1.005, 30.0, 1.02, alpha=0.5)
    record = UnlearningRecord(MODEL, {"seed": 0}, [], budget, [{"loss": 2.0}], ENVIRONMENT)
    write_record(replace(record, **changes), directory / RECORD)
    for part in (BEFORE, AFTER):
        write_evaluation(directory / part)
    return directory


def change_json(path: Path, *keys: str, to: Any) -> None:
    """Set one field of a record; None removes it."""
    record = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    if to is None:
        del part[keys[-1]]
    else:
        part[keys[-1]] = to
    path.write_text(json.dumps(record))


def test_equal_runs_have_no_differences(tmp_path: Path) -> None:
    one, two = (write_unlearning(tmp_path / name) for name in ("one", "two"))
    result = compare_runs(one, two)
    assert result.differences == result.environment == ()
    assert is_finished(one, two)


def test_every_figure_of_an_evaluation_is_counted_once(tmp_path: Path) -> None:
    one, two = (write_evaluation(tmp_path / name) for name in ("one", "two"))
    model, seed_and_kind = 7, 2
    expected = model + seed_and_kind + FIGURES_OF_RESULTS + 2 * COLUMNS
    assert compare_runs(one, two).figures == expected
    for directory in (one, two):
        (directory / ITEMS).unlink()
    assert compare_runs(one, two).figures == expected - 2 * COLUMNS


def test_figures_of_all_records_are_added(tmp_path: Path) -> None:
    one, two = (write_unlearning(tmp_path / name) for name in ("one", "two"))
    parts = [compare_runs(one / part, two / part).figures for part in (BEFORE, AFTER)]
    whole = compare_runs(one, two).figures
    for part in (BEFORE, AFTER):
        (one / part / RECORD).unlink()
    assert whole == sum(parts) + compare_runs(one, two).figures


@pytest.mark.parametrize(
    ("file", "keys", "name"),
    [
        (RECORD, ("budget", "reached"), f"{RECORD}: budget.reached"),
        (RECORD, ("method", "seed"), f"{RECORD}: method.seed"),
        (f"{BEFORE}/{RECORD}", ("seed",), f"{BEFORE}/{RECORD}: seed"),
        (
            f"{AFTER}/{RECORD}",
            ("results", "stereoset", "domains", "gender", "ss"),
            f"{AFTER}/{RECORD}: results.stereoset.domains.gender.ss",
        ),
    ],
)
def test_a_changed_figure_is_named_with_both_values(tmp_path: Path, file, keys, name) -> None:
    one, two = (write_unlearning(tmp_path / name) for name in ("one", "two"))
    before = json.loads((one / file).read_text())
    for key in keys:
        before = before[key]
    change_json(two / file, *keys, to=77)
    assert compare_runs(one, two).differences == (Difference(name, before, 77),)


def test_records_after_a_missing_one_are_compared(tmp_path: Path) -> None:
    one, two = (write_unlearning(tmp_path / name) for name in ("one", "two"))
    (one / BEFORE / RECORD).unlink()
    change_json(two / AFTER / RECORD, "seed", to=77)
    (difference,) = compare_runs(one, two).differences
    assert difference.where == f"{AFTER}/{RECORD}: seed"


def test_elements_of_lists_are_named_by_their_number(tmp_path: Path) -> None:
    one = write_unlearning(tmp_path / "one")
    two = write_unlearning(tmp_path / "two", history=[{"loss": 2.0}, {"loss": 1.5}])
    assert compare_runs(one, two).differences == (
        Difference(f"{RECORD}: history[1].loss", None, 1.5),
    )
    assert compare_runs(two, one).differences == (
        Difference(f"{RECORD}: history[1].loss", 1.5, None),
    )


def test_a_changed_item_is_named_by_its_row(tmp_path: Path) -> None:
    one, two = (write_unlearning(tmp_path / name) for name in ("one", "two"))
    rows = pq.read_table(two / AFTER / ITEMS).to_pylist()
    rows[1]["score_stereotype"] = -3.75
    pq.write_table(pa.Table.from_pylist(rows), two / AFTER / ITEMS)
    (difference,) = compare_runs(one, two).differences
    assert difference == Difference(f"{AFTER}/{ITEMS}[1].score_stereotype", -3.5, -3.75)


@pytest.mark.parametrize("field", ["seconds", "environment", "command", "version"])
def test_what_is_no_result_may_differ(tmp_path: Path, field: str) -> None:
    changes = {
        "seconds": {"stereoset": 99.0},
        "environment": replace(ENVIRONMENT, torch="3.0"),
        "command": {"command": "evaluate"},
        "version": 2,
    }
    one = write_evaluation(tmp_path / "one")
    two = write_evaluation(tmp_path / "two", **{field: changes[field]})
    assert compare_runs(one, two).differences == ()


def test_the_environment_is_compared_where_it_was_recorded(tmp_path: Path) -> None:
    one = write_evaluation(tmp_path / "one")
    later = replace(ENVIRONMENT, torch="3.0", numpy="2.0", threads=4)
    two = write_evaluation(tmp_path / "two", environment=later)
    assert compare_runs(one, two).environment == (
        Difference("torch", "2.9.0", "3.0"),
        Difference("threads", 2, 4),
    )


@pytest.mark.parametrize("fact", ["weights", "revision"])
@pytest.mark.parametrize("older", [0, 1])
def test_a_fact_that_one_record_lacks_is_not_compared(
    tmp_path: Path, fact: str, older: int
) -> None:
    sides = [write_evaluation(tmp_path / name) for name in ("one", "two")]
    change_json(sides[older] / RECORD, "model", fact, to=None)
    assert compare_runs(*sides).differences == ()
    change_json(sides[older] / RECORD, "model", fact, to="")
    assert compare_runs(*sides).differences == ()
    change_json(sides[older] / RECORD, "model", fact, to="0" * 64)
    (difference,) = compare_runs(*sides).differences
    assert difference.where == f"{RECORD}: model.{fact}"


def test_finished_is_a_run_with_every_record_of_the_first(tmp_path: Path) -> None:
    run, evaluation = write_unlearning(tmp_path / "run"), write_evaluation(tmp_path / "measured")
    assert not is_finished(run, evaluation)
    assert is_finished(evaluation, run)
    assert not is_finished(evaluation, tmp_path / "nothing")
    (run / AFTER / RECORD).unlink()
    assert is_finished(run, write_unlearning(tmp_path / "again"))
    with pytest.raises(InputError, match=f"{BEFORE}/{RECORD} cannot be read"):
        compare_runs(run, evaluation)


def test_only_evaluations_and_unlearning_runs_are_read(tmp_path: Path) -> None:
    run, evaluation = write_unlearning(tmp_path / "run"), write_evaluation(tmp_path / "measured")
    assert isinstance(read_rerunnable(run / RECORD), UnlearningRecord)
    assert isinstance(read_rerunnable(evaluation / RECORD), EvaluationRecord)
    study = tmp_path / "study.json"
    study.write_text('{"kind": "study"}')
    with pytest.raises(InputError, match=r"study\.json is .*'study'"):
        read_rerunnable(study)


NUMBERS = st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6)


@given(NUMBERS, NUMBERS)
def test_a_relative_difference_is_that_of_the_first(before: float, after: float) -> None:
    assert Difference("x", before, after).relative == abs(after - before) / abs(before)


@pytest.mark.parametrize(
    "pair", [(0.0, 1.0), (math.nan, 1.0), (1.0, math.inf), ("a", 1), (1, None)]
)
def test_without_two_numbers_the_difference_is_infinite(pair: tuple[Any, Any]) -> None:
    assert Difference("x", *pair).relative == math.inf
