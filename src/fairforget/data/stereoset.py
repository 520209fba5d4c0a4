"""The items of StereoSet, from the authors' JSON or from JSON lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import json_rows
from fairforget.files.text import parse_json, read_text

DOMAINS = ("gender", "profession", "race", "religion")
VERSIONS = ("stereotype", "anti-stereotype", "unrelated")
SPLITS = {"dev": "stereoset", "test": "stereoset-test"}
"""Each split, and the data set of the catalogue that has it."""

Task = Literal["intrasentence", "intersentence"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item: a sentence in three versions, or three sentences that may follow a context."""

    id: str
    domain: str
    term: str
    """The target term, which the item is about; items of one term are not independent."""
    sentences: tuple[str, str, str]
    """Stereotype, anti-stereotype, unrelated."""
    context: str = ""
    """Intrasentence: the sentence with the word BLANK for what differs. Intersentence: the
    sentence before."""


def read_items(
    path: str | Path | None = None, *, split: str = "dev", task: Task = "intrasentence"
) -> list[Item]:
    """Read the items of one task; by default those of a public split, wherever it is found.

    Understands the authors' JSON (whole, or one list of items) and JSON lines with one sentence
    per field: `type`, `target`, `bias_type`, `context`, `stereotype`, `anti-stereotype`,
    `unrelated` and, if wanted, `id`.

    Raises:
        InputError: the file is missing or malformed; names file, row and field.
    """
    if path is None:
        path = find_file(*CATALOGUE[SPLITS[split]].files)
    path = Path(path)
    if path.suffix == ".jsonl":
        rows = [
            (where, f"{task}-{where.rpartition(' ')[2]:0>4}", row)
            for where, row in json_rows(path)
            if row.get("type", "intrasentence") == task
        ]
        read = [(w, _from_line(row, identity, w, task)) for w, identity, row in rows]
    else:
        read = [
            (where, _from_authors(row, where, task))
            for number, row in enumerate(_list(path, task), 1)
            for where in [f"{path}, item {number}"]
        ]
    if not read:
        raise InputError(f"{path}: no {task} items in it")
    seen: dict[str, str] = {}
    for where, item in read:
        if item.id in seen:
            raise InputError(f"{where}: id {item.id!r} is also that of {seen[item.id]}")
        seen[item.id] = where
    return [item for _, item in read]


def _list(path: Path, task: Task) -> list[Any]:
    whole = parse_json(read_text(path), str(path))
    if isinstance(whole, dict):
        data = whole.get("data")
        whole = data.get(task) if isinstance(data, dict) else None
    if not isinstance(whole, list):
        raise InputError(
            f"{path}: no {task} items in it; a list of them, or an object with data.{task}, "
            "is expected"
        )
    return whole


def _from_line(row: dict[str, Any], identity: str, where: str, task: Task) -> Item:
    sentences = tuple(_sentence(row.get(v), v, where) for v in VERSIONS)
    given = row.get("id")
    return _item(identity if given is None else str(given), row, sentences, where, task)


def _from_authors(row: Any, where: str, task: Task) -> Item:
    if not isinstance(row, dict) or not isinstance(row.get("sentences"), list):
        raise InputError(f"{where}: field 'sentences' is missing or no list")
    by_label: dict[str, Any] = {}
    for sentence in row["sentences"]:
        label = sentence.get("gold_label") if isinstance(sentence, dict) else None
        if label not in VERSIONS:
            raise InputError(f"{where}: gold_label {label!r} is none of {', '.join(VERSIONS)}")
        if label in by_label:
            raise InputError(f"{where}: gold_label {label!r} is there twice")
        by_label[label] = sentence.get("sentence")
    if row.get("id") is None:
        raise InputError(f"{where}: field 'id' is missing")
    sentences = tuple(_sentence(by_label.get(v), v, where) for v in VERSIONS)
    return _item(str(row["id"]), row, sentences, where, task)


def _item(
    identity: str, row: dict[str, Any], sentences: tuple[str, ...], where: str, task: Task
) -> Item:
    domain = row.get("bias_type")
    if domain not in DOMAINS:
        raise InputError(f"{where}: bias_type {domain!r} is none of {', '.join(DOMAINS)}")
    term, context = row.get("target"), row.get("context", "")
    if not isinstance(term, str) or not term:
        raise InputError(f"{where}: field 'target' is missing or empty")
    if not isinstance(context, str) or (task == "intersentence" and not context.strip()):
        raise InputError(f"{where}: field 'context' is missing or empty")
    stereotype, anti_stereotype, unrelated = sentences
    return Item(identity, domain, term, (stereotype, anti_stereotype, unrelated), context)


def _sentence(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: the {field} sentence is missing or empty")
    return value
