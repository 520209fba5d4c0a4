"""The rows of a CSV, JSON-lines, Parquet or text file, one at a time, each with where it stands."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.files.lines import LINE_LIMIT, utf8_lines
from fairforget.files.parquet import open_parquet
from fairforget.files.text import parse_json

TableRow = tuple[str, Mapping[str, Any]]
"""Where the row stands ("FILE, line 3"), and its fields."""

ROWS_AT_A_TIME = 256


def csv_rows(path: Path, *, delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header.

    Raises:
        InputError: not UTF-8, quoted wrongly, NUL bytes, fields missing or too many, a line that
            is too long; names the line in which the row begins.
    """
    csv.field_size_limit(LINE_LIMIT)
    reader = csv.reader(utf8_lines(path), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for fields in reader:
            where, line = f"{path}, line {line}", reader.line_num + 1
            if not fields:
                continue
            if any("\0" in field for field in fields):
                raise InputError(f"{where}: a NUL byte; save the file as plain UTF-8 text")
            if not header:
                header = fields
                if twice := [name for name in header if header.count(name) > 1]:
                    raise InputError(f"{where}: two columns are named {twice[0]!r}; rename one")
                continue
            if len(fields) > len(header):
                raise InputError(
                    f"{where}: more fields than the header names; quote texts that contain commas"
                )
            if len(fields) < len(header):
                raise InputError(
                    f"{where}: {len(fields)} fields, where the header names {len(header)}"
                )
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        reason = str(error)
        if "end of data" in reason or "field limit" in reason:
            reason = "a quote that opens here is never closed"
        raise InputError(f"{path}, line {line}: not valid CSV ({reason})") from error


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON-lines file.

    Raises:
        InputError: the file cannot be read; a line is too long, not UTF-8, or no object: names it.
    """
    for number, line in enumerate(utf8_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = parse_json(line, where)
        if not isinstance(row, dict):
            raise InputError(
                f"{where}: an object is expected, not {type(row).__name__}; write one a line"
            )
        yield where, row


def parquet_rows(path: Path) -> Iterator[TableRow]:
    """The rows of a Parquet file.

    Raises:
        InputError: it cannot be read, or claims a row group of more than 512 MB.
    """
    number = 0
    with open_parquet(path) as file:
        for batch in file.iter_batches(batch_size=ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row


def text_rows(path: Path) -> Iterator[TableRow]:
    """The lines of a text file that are not blank, each as the only field of a row, `text`.

    Raises:
        InputError: a line is too long or not UTF-8, or all are blank; names the line.
    """
    number = 0
    for line_number, line in enumerate(utf8_lines(path), 1):
        if text := line.strip():
            number += 1
            yield f"{path}, line {line_number}", {"text": text}
    if not number:
        raise InputError(f"corpus {path} is empty; a text a line is expected")


READERS: dict[str, Callable[[Path], Iterator[TableRow]]] = {
    ".csv": csv_rows,
    ".jsonl": json_rows,
    ".parquet": parquet_rows,
    ".txt": text_rows,
}
"""Suffix -> how its rows are read."""
