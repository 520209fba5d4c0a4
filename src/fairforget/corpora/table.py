"""The user's own corpus: a `.csv`, `.jsonl` or `.parquet` file with a `text` column."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairforget.corpora.text import Mention, Span, Text
from fairforget.errors import InputError

SUFFIXES = (".csv", ".jsonl", ".parquet")

Row = tuple[str, Mapping[str, Any]]
"""Where the row stands ("FILE, line 3"), and its fields."""


def table_texts(path: str | Path) -> Iterator[Text]:
    """Read texts, row by row.

    Columns: `text` is needed; `id`, `domain`, `group`, `split` are optional, and so are `spans`
    ([[start, end], …], the harmful characters) and `mentions` ([[start, end, neutral word], …]),
    in CSV written as JSON.

    Raises:
        InputError: missing or unreadable file, no `text` column, an empty text, a range outside
            its text; the message names file, row and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"corpus {path}: there is no such file")
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    count = 0
    for count, (where, row) in enumerate(readers[path.suffix](path), 1):
        yield _text(where, row, f"{path.name}:{count}")
    if not count:
        raise InputError(f"corpus {path} is empty; it needs a `text` column and a row per text")


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _need_text(path, reader.fieldnames or [])
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if any(isinstance(value, str) and "\0" in value for value in row.values()):
                    raise InputError(f"{where}: a NUL byte; save the file as plain UTF-8 text")
                if None in row:
                    raise InputError(
                        f"{where}: more fields than the header names; "
                        "quote texts that contain commas"
                    )
                yield where, row
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from error
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num + 1}: not valid CSV ({error})") from error


def _json_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except UnicodeDecodeError as error:
                raise InputError(f"{where}: not UTF-8; save the file as UTF-8") from error
            except (json.JSONDecodeError, RecursionError) as error:
                raise InputError(f"{where}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise InputError(f'{where}: an object such as {{"text": "…"}} is expected')
            yield where, row


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
        _need_text(path, table.schema_arrow.names)
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from error


def _need_text(path: Path, columns: object) -> None:
    names = [str(name) for name in columns] if isinstance(columns, (list, tuple)) else []
    if "text" not in names and names:
        raise InputError(
            f"{path}: no `text` column; it has {', '.join(map(repr, names))}; "
            "rename the one that holds the texts"
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
            spans=tuple(Span(*map(int, span)) for span in _ranges(row, "spans")),
            mentions=tuple(
                Mention(int(start), int(end), tuple(map(str, neutral)))
                for start, end, *neutral in _ranges(row, "mentions")
            ),
            split=_word(row, "split", where),
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error


def _word(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f"{where}: `{name}` is {value!r}; a string is expected")
    return value


def _ranges(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name)
    if isinstance(value, str):
        value = json.loads(value) if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, list) for part in value):
        raise ValueError(f"`{name}` is {value!r}; a list of [start, end] is expected")
    return value
