"""Yield the rows of CSV, JSON-lines, Parquet and text files, each with its location."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.files.parquet import open_parquet
from fairforget.files.text import MAX_LINE_BYTES, parse_json, read_lines
from fairforget.terminal.messages import count_of

TableRow = tuple[str, Mapping[str, Any]]
"""Location of the row ("FILE, line 3"), and its fields."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Other separators of CSV files, and what messages call them."""
BATCH_ROWS = 256
"""Rows of a Parquet file that are in memory at once."""


def csv_rows(path: Path, *, delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with a header.

    Raises:
        InputError: not UTF-8, another separator, invalid quoting, NUL bytes, missing or extra
            fields, or a line that is too long; names the first line of the row.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(read_lines(path), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for fields in reader:
            where, line = f"{path}, line {line}", reader.line_num + 1
            if not fields:
                continue
            if any("\0" in field for field in fields):
                raise InputError(f"{where}: a NUL byte; save the file as UTF-8 text")
            if not header:
                header = fields
                _check_separator(header, where)
                _check_columns(header, where)
                continue
            if len(fields) > len(header):
                raise InputError(
                    f"{where}: more fields than the header; quote texts that contain commas"
                )
            if len(fields) < len(header):
                raise InputError(
                    f"{where}: {count_of(len(fields), 'field')}, but the header has {len(header)}; "
                    "add the missing ones"
                )
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        reason, remedy = str(error), "double the quotes inside a quoted field"
        if "end of data" in reason or "field limit" in reason:
            reason, remedy = "a quote opens here and never closes", "close it, or double it"
        elif "new-line" in reason:
            remedy = r"end lines with \n or \r\n"
        raise InputError(f"{path}, line {line}: not valid CSV ({reason}); {remedy}") from error


def _check_columns(names: Sequence[str], where: str) -> None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{where}: two columns are named {repeated[0]!r}; rename one")


def _check_separator(header: list[str], where: str) -> None:
    """Raise an error if the header is one column with another separator in its name."""
    for separator, name in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            raise InputError(
                f"{where}: the columns are separated by {name} ({header[0]!r}); save the file with "
                "commas, and quote texts that contain commas"
            )


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON-lines file.

    Raises:
        InputError: the file cannot be read, or a line is too long, not UTF-8, or not an object;
            names the line.
    """
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = parse_json(line, where)
        if not isinstance(row, dict):
            raise InputError(
                f"{where}: expected an object, not {type(row).__name__}; write one object per line"
            )
        yield where, row


def parquet_rows(path: Path) -> Iterator[TableRow]:
    """Yield the rows of a Parquet file.

    Raises:
        InputError: the file cannot be read, declares a row group of more than 512 MB, or has two
            columns of the same name.
    """
    number = 0
    with open_parquet(path) as file:
        _check_columns(file.schema_arrow.names, str(path))
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row


def text_rows(path: Path) -> Iterator[TableRow]:
    """Yield the non-blank lines of a text file as rows with the field `text`.

    Raises:
        InputError: a line is too long, not UTF-8 or has a carriage return inside (names the line),
            or all lines are blank.
    """
    number = 0
    for line_number, line in enumerate(read_lines(path), 1):
        if text := line.strip():
            if "\r" in text:
                raise InputError(
                    rf"{path}, line {line_number}: a carriage return (\r) inside a line; "
                    r"end lines with \n or \r\n"
                )
            number += 1
            yield f"{path}, line {line_number}", {"text": text}
    if not number:
        raise InputError(f"corpus {path} is empty; write one text per line")


READERS: dict[str, Callable[[Path], Iterator[TableRow]]] = {
    ".csv": csv_rows,
    ".jsonl": json_rows,
    ".parquet": parquet_rows,
    ".txt": text_rows,
}
"""File suffix, in lower case → reader of its rows."""


def table_suffix(path: str | Path) -> str:
    """Return the suffix of a file as a key of `READERS`: POSTS.CSV → .csv."""
    return Path(path).suffix.lower()
