"""The rows of a known source's CSV file, wherever the catalogue finds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows


def read_source_csv(
    name: str, columns: Sequence[str], *, delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row of the catalogue's entry stands ("FILE, line 3"), and its fields.

    Raises:
        InputError: the file is nowhere, malformed, or lacks one of the columns.
    """
    path = find_file(*CATALOGUE[name].files)
    for number, (where, row) in enumerate(csv_rows(path, delimiter=delimiter)):
        if not number and (missing := [column for column in columns if column not in row]):
            raise InputError(
                f"{path}: no column {', '.join(map(repr, missing))}; is it the file of {name!r}? "
                f"It has {', '.join(map(repr, row))}"
            )
        yield where, {column: row[column] or "" for column in columns}
