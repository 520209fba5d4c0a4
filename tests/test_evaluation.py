"""An evaluation on disk: all items in one table, written once, shown in the terminal."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fairforget.benchmarks import BENCHMARKS, benchmark, checked, judge_of
from fairforget.benchmarks.bbq import Question
from fairforget.benchmarks.bbq import evaluate as bbq
from fairforget.benchmarks.crows_pairs import Pair
from fairforget.benchmarks.crows_pairs import evaluate as crows_pairs
from fairforget.benchmarks.stereoset import Item
from fairforget.benchmarks.stereoset import evaluate as stereoset
from fairforget.console import show_evaluation
from fairforget.errors import InputError
from fairforget.evaluation import evaluate_into, read_items
from fairforget.records import ITEMS, RECORD, EvaluationRecord, read_record

from .models import tiny_model

ITEM = Item("a", "race", "town", ("They lie.", "They think.", "They mill."), "They BLANK.")
PAIR = Pair("a", "age", "They lie.", "They think.")
QUESTION = Question(
    "Age-0", "Age", "Age-1", True, "Who? Answer:", ("They", "Women", "Not known"), 2, 2, 0
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """All benchmarks of our own, on one item each."""
    ours = {
        "stereoset": lambda *a, **k: stereoset(*a, items=[ITEM], **k),
        "crows_pairs": lambda *a, **k: crows_pairs(*a, pairs=[PAIR], **k),
        "bbq": lambda *a, **k: bbq(*a, questions=[QUESTION], **k),
    }
    text = tmp_path / "text.csv"
    text.write_text("text\nThe river has a bridge and an old mill near the town.\n")
    monkeypatch.setattr("fairforget.evaluation.checked", list)
    monkeypatch.setattr(
        "fairforget.evaluation.benchmark", lambda name: ours.get(name) or benchmark(name)
    )
    return [*ours, f"perplexity:{text}"]


def test_items_of_all_benchmarks_share_a_table(small, tmp_path: Path, capsys) -> None:
    evaluate_into(tmp_path / "out", tiny_model("gpt2"), small, seed=3)
    record = read_record(tmp_path / "out" / RECORD, EvaluationRecord)
    assert list(record.results) == small
    assert list(record.seconds) == small
    assert (record.seed, record.environment.processes) == (3, 1)
    rows = read_items(tmp_path / "out")
    assert [row["benchmark"] for row in rows] == ["stereoset", "crows_pairs", "bbq"]
    assert rows[0]["sent_more"] is None
    assert rows[1]["sent_more"] == "They lie."
    for name in small[:3]:
        (row,) = (row for row in rows if row["benchmark"] == name)
        assert len(judge_of(name)([row]).verdicts) == 1
    show_evaluation(record)
    out = capsys.readouterr().out
    assert "Blodgett" in out
    assert "BBQ: a model that always" in out
    assert "perplexity:" in out
    assert max(map(len, out.splitlines())) <= 80


def test_written_once(small, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_into(out, tiny_model("gpt2"), small)
    first = (out / RECORD).read_bytes()
    evaluate_into(out, tiny_model("gpt2", seed=1), small)
    assert (out / RECORD).read_bytes() == first


def test_perplexity_alone_has_no_items(small, tmp_path: Path) -> None:
    evaluate_into(tmp_path / "out", tiny_model("gpt2"), small[3:])
    assert read_items(tmp_path / "out") == []
    assert pq.read_table(tmp_path / "out" / ITEMS).column_names == ["benchmark", "id", "domain"]


def test_names() -> None:
    assert checked(["stereoset", "stereoset:bos"]) == ["stereoset", "stereoset:bos"]
    with pytest.raises(InputError, match="named twice"):
        checked(["stereoset", "stereoset"])
    with pytest.raises(InputError, match="'bbc' is unknown; choose from stereoset"):
        checked(["bbc"])
    for name in BENCHMARKS:
        assert (judge_of(name) is None) == (name == "perplexity")
