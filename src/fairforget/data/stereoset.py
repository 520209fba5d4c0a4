"""Read StereoSet items from the authors' JSON or from JSON lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import json_rows, table_suffix
from fairforget.files.text import parse_json, read_text

DOMAINS = ("gender", "profession", "race", "religion")
VERSIONS = ("stereotype", "anti-stereotype", "unrelated")
SPLITS = {"dev": "stereoset", "test": "stereoset-test"}
"""Split → its dataset in the catalogue."""

Task = Literal["intrasentence", "intersentence"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item: a sentence in three versions, or a context with three continuations."""

    id: str
    domain: str
    term: str
    """The target term; items with the same term are not independent."""
    sentences: tuple[str, str, str]
    """Stereotype, anti-stereotype, unrelated."""
    context: str = ""
    """Intrasentence: the sentence with BLANK where the versions differ. Intersentence: the
    preceding sentence."""


def read_items(
    path: str | Path | None = None, *, split: str = "dev", task: Task = "intrasentence"
) -> list[Item]:
    """Read the items of one task from a file, or from a public split of the catalogue.

    Reads the authors' JSON (the full object, or a list of items) and JSON lines with the fields
    `type`, `target`, `bias_type`, `context`, `stereotype`, `anti-stereotype`, `unrelated` and,
    optionally, `id`.

    Raises:
        InputError: the file is missing or malformed; names file, row and field.
    """
    if path is None:
        path = find_file(*CATALOGUE[SPLITS[split]].files)
    path = Path(path)
    if table_suffix(path) == ".jsonl":
        items = [
            (where, _parse_line(row, where, task))
            for where, row in json_rows(path)
            if _read_task(row, where) == task
        ]
    else:
        items = [
            (where, _parse_authors_item(row, where, task))
            for number, row in enumerate(_read_item_list(path, task), 1)
            for where in [f"{path}, item {number}"]
        ]
    if not items:
        raise InputError(f"{path}: it has no {task} items; give a file that has some")
    seen: dict[str, str] = {}
    for where, item in items:
        if item.id in seen:
            raise InputError(
                f"{where}: id {item.id!r} is already used by {seen[item.id]}; make ids unique"
            )
        seen[item.id] = where
    return [item for _, item in items]


def _read_item_list(path: Path, task: Task) -> list[Any]:
    value = parse_json(read_text(path), str(path))
    if isinstance(value, dict):
        data = value.get("data")
        value = data.get(task) if isinstance(data, dict) else None
    if not isinstance(value, list):
        raise InputError(
            f"{path}: it has no {task} items; expected a list of items, or an object with "
            f"data.{task}"
        )
    return value


def _read_task(row: dict[str, Any], where: str) -> Any:
    task = row.get("type", "intrasentence")
    if task not in get_args(Task):
        raise InputError(
            f"{where}: type {task!r} is unknown; choose from {', '.join(get_args(Task))}"
        )
    return task


def _parse_line(row: dict[str, Any], where: str, task: Task) -> Item:
    sentences = tuple(_check_sentence(row.get(v), v, where) for v in VERSIONS)
    item_id = row.get("id")
    if item_id is None:
        item_id = f"{task}-{where.rpartition(' ')[2]:0>4}"  # the line number
    return _make_item(str(item_id), row, sentences, where, task)


def _parse_authors_item(row: Any, where: str, task: Task) -> Item:
    if not isinstance(row, dict) or not isinstance(row.get("sentences"), list):
        raise InputError(
            f"{where}: field 'sentences' is missing or not a list; write a list of the three"
        )
    by_label: dict[str, Any] = {}
    for sentence in row["sentences"]:
        label = sentence.get("gold_label") if isinstance(sentence, dict) else None
        if label not in VERSIONS:
            raise InputError(
                f"{where}: gold_label {label!r} is unknown; choose from {', '.join(VERSIONS)}"
            )
        if label in by_label:
            raise InputError(f"{where}: gold_label {label!r} occurs twice; write each once")
        by_label[label] = sentence.get("sentence")
    if row.get("id") is None:
        raise InputError(f"{where}: field 'id' is missing; give every item one")
    sentences = tuple(_check_sentence(by_label.get(v), v, where) for v in VERSIONS)
    return _make_item(str(row["id"]), row, sentences, where, task)


def _make_item(
    item_id: str, row: dict[str, Any], sentences: tuple[str, ...], where: str, task: Task
) -> Item:
    domain = row.get("bias_type")
    if domain not in DOMAINS:
        raise InputError(
            f"{where}: bias_type {domain!r} is unknown; choose from {', '.join(DOMAINS)}"
        )
    term, context = row.get("target"), row.get("context", "")
    if not isinstance(term, str) or not term:
        raise InputError(f"{where}: field 'target' is missing or empty; write the group's word")
    if not isinstance(context, str) or (task == "intersentence" and not context.strip()):
        raise InputError(f"{where}: field 'context' is missing or empty; write a sentence")
    stereotype, anti_stereotype, unrelated = sentences
    return Item(item_id, domain, term, (stereotype, anti_stereotype, unrelated), context)


def _check_sentence(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(
            f"{where}: the {field} sentence is missing or empty; write it, or remove the item"
        )
    return value
