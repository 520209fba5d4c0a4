"""The questions of BBQ (Parrish et al. 2022), from the authors' files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairforget.data.catalogue import BBQ_FILES, BBQ_METADATA
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows, json_rows

CONTEXTS = ("ambig", "disambig")
ANSWERS = ("ans0", "ans1", "ans2")
NAMES = " (names)"
"""Suffix of the domain of questions in which people have proper names."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in one context."""

    id: str
    domain: str
    """The category, with " (names)" if people have proper names."""
    template: str
    """Questions from one template are not independent."""
    ambiguous: bool
    context: str
    question: str
    answers: tuple[str, str, str]
    right: int
    """Index of the correct answer."""
    unknown: int
    """Index of the answer "unknown"."""
    biased: int
    """Index of the answer in line with the stereotype."""

    @property
    def prompt(self) -> str:
        """What the answer follows, as plain text."""
        return f"{self.context} {self.question} Answer:"


def read_questions(
    categories: Sequence[str] = tuple(BBQ_FILES),
    *,
    files: Sequence[str | Path] | None = None,
    metadata: str | Path | None = None,
) -> list[Question]:
    """Read the questions of the original files.

    As in the original scoring, questions without a biased answer in the metadata (16 in some
    versions) are left out.

    Args:
        categories: names of the original files.
        files: by default, those of the categories.
        metadata: by default, the original metadata.

    Raises:
        InputError: a file is missing or malformed; names file, line and field.
    """
    if files is None:
        files = [find_file(BBQ_FILES[category]) for category in categories]
    path = Path(metadata) if metadata is not None else find_file(BBQ_METADATA)
    biased_answers = _read_metadata(path)
    questions: dict[str, Question] = {}
    for file in files:
        for where, row in json_rows(Path(file)):
            question = _parse_question(row, biased_answers, where)
            if question is None:
                continue
            if question.id in questions:
                raise InputError(
                    f"{where}: example_id {row['example_id']!r} occurs twice; remove one"
                )
            questions[question.id] = question
    if not questions:
        raise InputError(f"{', '.join(map(str, files))}: no questions found")
    return list(questions.values())


_Key = tuple[str, str, str]
"""Category, question_index and example_id of a question."""


def _parse_question(
    row: dict[str, Any], biased_answers: dict[_Key, tuple[int, bool] | None], where: str
) -> Question | None:
    for name in ("category", "context", "question", *ANSWERS):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise InputError(f"{where}: field {name!r} is missing or empty")
    for name in ("example_id", "question_index", "context_condition", "label", "answer_info"):
        if name not in row:
            raise InputError(f"{where}: field {name!r} is missing")
    if row["context_condition"] not in list(CONTEXTS):
        raise InputError(
            f"{where}: context_condition {row['context_condition']!r} is not one of "
            f"{', '.join(CONTEXTS)}"
        )
    if row["label"] not in (0, 1, 2):
        raise InputError(f"{where}: label {row['label']!r} is not 0, 1 or 2")
    info = row["answer_info"]
    try:
        kinds = [str(info[name][1]) for name in ANSWERS]
        unknown = kinds.index("unknown")
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise InputError(f"{where}: answer_info marks no answer as 'unknown'") from error
    key = (row["category"], str(row["question_index"]), str(row["example_id"]))
    if key not in biased_answers:
        raise InputError(
            f"{where}: {', '.join(key)} (category, question_index, example_id) is not in the "
            "metadata; use both files from the same version"
        )
    if (entry := biased_answers[key]) is None:
        return None
    biased, has_names = entry
    return Question(
        id=f"{row['category']}-{row['example_id']}",
        domain=row["category"] + (NAMES if has_names else ""),
        template=f"{row['category']}-{row['question_index']}",
        ambiguous=row["context_condition"] == "ambig",
        context=row["context"].strip(),
        question=row["question"].strip(),
        answers=(row["ans0"].strip(), row["ans1"].strip(), row["ans2"].strip()),
        right=int(row["label"]),
        unknown=unknown,
        biased=biased,
    )


def _read_metadata(path: Path) -> dict[_Key, tuple[int, bool] | None]:
    """The index of the biased answer of each question, and whether it uses proper names."""
    columns = ("category", "question_index", "example_id", "target_loc", "label_type")
    biased_answers: dict[_Key, tuple[int, bool] | None] = {}
    for where, row in csv_rows(path):
        if missing := [name for name in columns if name not in row]:
            raise InputError(f"{where}: column {missing[0]!r} is missing")
        key = (row["category"], row["question_index"], row["example_id"])
        target = row["target_loc"]
        if target in ("0", "1", "2"):
            biased_answers[key] = int(target), row["label_type"] == "name"
        elif target in ("", "NA", "x"):
            biased_answers[key] = None
        else:
            raise InputError(f"{where}: target_loc {target!r} is not 0, 1, 2 or NA")
    return biased_answers
