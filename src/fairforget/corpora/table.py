"""The user's own corpus: a `.csv`, `.jsonl`, `.parquet` or `.txt` file, or rows from the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fairforget.corpora.domains import DOMAINS, Labels
from fairforget.corpora.text import Mention, Span, Text
from fairforget.errors import InputError
from fairforget.files.rows import READERS, TableRow
from fairforget.files.text import parse_json
from fairforget.terminal.messages import show_message

SUFFIXES = tuple(READERS)
COLUMNS = ("id", "text", "domain", "group", "spans", "mentions", "split", "hateful")
"""What may be read of a row; `text` must be there."""
RANGES = {"spans": "[start, end]", "mentions": "[start, end, neutral word, …]"}
"""What the lists of characters are made of."""
BOOLEANS = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
}
"""As written by people, and by pandas where some are missing."""


def table_texts(path: str | Path, columns: Mapping[str, str] | None = None) -> Iterator[Text]:
    """Read texts, row by row.

    Columns: `text` is needed; `id`, `domain`, `group`, `split`, `hateful` are optional, and so
    are `spans` ([[start, end], …], the harmful characters) and `mentions` ([[start, end, neutral
    word], …]), in CSV written as JSON.

    Args:
        path: the file.
        columns: one of `COLUMNS` -> the column of the file that holds it, where they differ.

    Raises:
        InputError: missing or unreadable file, no `text` column, an empty text, a range outside
            its text; the message names file, row and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"corpus {path}: there is no such file")
    yield from row_texts(READERS[path.suffix](path), path, path.name, columns or {})


def row_texts(
    rows: Iterable[TableRow], source: object, name: str, columns: Mapping[str, str]
) -> Iterator[Text]:
    """Rows as texts. Says on stderr which of their domains are none of `DOMAINS`.

    Args:
        rows: where each stands, and its fields.
        source: where they come from, for errors.
        name: what the ids of texts without one begin with.
        columns: as for `table_texts`.

    Raises:
        InputError: as `table_texts`.
    """
    count = 0
    labels = Labels(str(source), {domain: domain for domain in DOMAINS})
    for count, (where, row) in enumerate(rows, 1):
        if count == 1:
            _check_columns(source, [*row], columns)
        if columns:
            row = {**row, **{ours: row.get(theirs) for ours, theirs in columns.items()}}
        text = _text(where, row, f"{name}:{count}")
        labels(text.domain.split("+") if text.domain else [])
        yield text
    labels.report()
    if not count:
        raise InputError(f"corpus {source} is empty; it needs a `text` column and a row per text")


def _check_columns(source: object, names: list[str], columns: Mapping[str, str]) -> None:
    there = ", ".join(map(repr, names))
    for ours, theirs in columns.items():
        if theirs not in names:
            also = f"; ?split-is={theirs} keeps the texts of that split" if ours == "split" else ""
            raise InputError(
                f"{source}: no `{theirs}` column to take {ours} from; it has {there}{also}"
            )
    unused = [ours for ours in COLUMNS if ours not in names and ours not in columns]
    for name in names:
        if name not in COLUMNS and (meant := get_close_matches(name, unused, 1, cutoff=0.8)):
            show_message(
                f"{source}: the column `{name}` is not used; if it holds {meant[0]}, call it so, "
                f"or say ?{meant[0]}={name}"
            )
    if "text" not in names and "text" not in columns and names:
        raise InputError(
            f"{source}: no `text` column; it has {there}; "
            "rename the one that holds the texts, or say ?text=COLUMN"
        )


def _text(where: str, row: Mapping[str, Any], default_id: str) -> Text:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: `text` is missing, empty or not a string")
    try:
        return Text(
            id=str(row.get("id") or default_id),
            text=text,
            domain=_word(row, "domain", where),
            group=_word(row, "group", where),
            spans=tuple(Span(start, end) for start, end in _ranges(row, "spans", where)),
            mentions=tuple(
                Mention(start, end, tuple(neutral))
                for start, end, *neutral in _ranges(row, "mentions", where)
            ),
            split=_word(row, "split", where),
            hateful=_boolean(row, "hateful"),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from error


def _word(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f"{where}: `{name}` is {value!r}; a string is expected")
    return value


def _boolean(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if (plain := str(value).lower()) not in BOOLEANS:
        raise ValueError(f"`{name}` is {value!r}; true or false is expected")
    return BOOLEANS[plain]


def _ranges(row: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = row.get(name)
    if isinstance(value, str):
        value = parse_json(value, f"{where}: `{name}`") if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(_is_range(part, name) for part in value):
        raise ValueError(f"`{name}` is {value!r}; a list of {RANGES[name]} is expected")
    return value


def _is_range(value: object, name: str) -> bool:
    """Whether it is two whole numbers, and of a mention, words."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    bounds, words = value[:2], value[2:]
    return (
        all(type(bound) is int for bound in bounds)
        and all(isinstance(word, str) for word in words)
        and bool(words) == (name == "mentions")
    )
