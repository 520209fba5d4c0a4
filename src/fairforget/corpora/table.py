"""User corpora: a `.csv`, `.jsonl`, `.parquet` or `.txt` file, or a hub dataset."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fairforget.corpora.domains import DOMAINS, Labels, canonical_label
from fairforget.corpora.duplicates import Duplicates
from fairforget.corpora.text import Mention, Span, Text
from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra
from fairforget.files.rows import READERS, TableRow, table_suffix
from fairforget.files.text import parse_json
from fairforget.terminal.messages import show_message

SUFFIXES = tuple(READERS)
HUB = "hub:"
"""Prefix of a dataset of the Hugging Face hub."""
COLUMNS = ("id", "text", "domain", "group", "spans", "mentions", "split", "hateful")
"""Columns that are read; only `text` is required."""
RANGES = {"spans": "[start, end]", "mentions": "[start, end, neutral word, …]"}
"""Format of the entries of each list of character ranges."""
BOOLEANS = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
}
"""Spellings of people, and of pandas where values are missing."""


def table_texts(path: str | Path, columns: Mapping[str, str] | None = None) -> Iterator[Text]:
    """Yield the texts of a file, row by row.

    The column `text` is required. `id`, `domain`, `group`, `split`, `hateful`, `spans` ([[start,
    end], …], the harmful characters) and `mentions` ([[start, end, neutral word], …]) are optional;
    in CSV the lists are written as JSON.

    Args:
        path: the file.
        columns: one of `COLUMNS` → name of that column in the file, where they differ.

    Raises:
        InputError: missing or unreadable file, no `text` column, an empty text, a range outside
            its text; the message names file, row and remedy.
    """
    path = Path(path)
    if not os.path.isfile(path):  # noqa: PTH113  # False for a name that is too long
        raise InputError(f"corpus {path}: no such file; check the path")
    suffix = table_suffix(path)
    rows, ragged = READERS[suffix](path), suffix == ".jsonl"
    yield from _row_texts(rows, path, path.name, columns or {}, ragged=ragged)


def hub_texts(name: str, options: Mapping[str, str]) -> Iterator[Text]:
    """Stream the texts of a dataset of the Hugging Face hub, in constant memory.

    Args:
        name: its id, OWNER/NAME.
        options: `config` and `split` ("train" by default) of the dataset; every other option
            names a column, as in `table_texts`.

    Raises:
        InputError: `datasets` is not installed, the dataset cannot be read, or a row is invalid.
    """
    columns = {key: value for key, value in options.items() if key not in ("config", "split")}
    rows = _hub_rows(name, options.get("config"), options.get("split", "train"))
    yield from _row_texts(rows, f"{HUB}{name}", name, columns)


def _hub_rows(name: str, config: str | None, split: str) -> Iterator[TableRow]:
    datasets = require_extra("datasets", "data", f"{HUB}{name}")
    try:
        rows = datasets.load_dataset(name, config, split=split, streaming=True)
        for number, row in enumerate(rows, 1):
            yield f"{HUB}{name}, row {number} of {split}", row
    except InputError:
        raise
    except Exception as error:  # a damaged dataset fails in many ways
        raise InputError(
            f"{HUB}{name} cannot be read: {first_line(error)}; check its name, config and split, "
            "and that the hub can be reached"
        ) from error


def _row_texts(
    rows: Iterable[TableRow],
    source: object,
    name: str,
    columns: Mapping[str, str],
    *,
    ragged: bool = False,
) -> Iterator[Text]:
    """Convert rows to texts. Prints domains not in `DOMAINS`, and repeated rows, on stderr.

    Args:
        rows: location and fields of each row.
        source: where the rows come from, for error messages.
        name: prefix of the ids of texts without an id.
        columns: as in `table_texts`.
        ragged: whether a row may lack an optional column that another row has.

    Raises:
        InputError: as in `table_texts`.
    """
    count = 0
    names: dict[str, None] = {}
    required = {key: alias for key, alias in columns.items() if key == "text" or not ragged}
    labels = Labels(str(source), {domain: domain for domain in DOMAINS})
    duplicates = Duplicates(str(source))
    for count, (where, row) in enumerate(rows, 1):
        names.update(dict.fromkeys(row))
        if count == 1:
            _check_aliases(source, names, required)
            _check_columns(source, [*row], columns)
        if columns:
            row = {**row, **{column: row.get(alias) for column, alias in columns.items()}}
        text = _parse_row(where, row, f"{name}:{count}")
        labels(text.domain.split("+") if text.domain else [])
        duplicates.add(text.text)
        yield text
    labels.report()
    duplicates.report()
    if not count:
        raise InputError(f"corpus {source} is empty; it needs a `text` column and a row per text")
    _check_aliases(source, names, columns)


def _check_aliases(source: object, names: Collection[str], columns: Mapping[str, str]) -> None:
    for column, alias in columns.items():
        if alias not in names:
            hint = f"; ?split-is={alias} keeps the texts of that split" if column == "split" else ""
            raise InputError(
                f"{source}: no `{alias}` column to read {column} from; it has "
                f"{', '.join(map(repr, names))}{hint}"
            )


def _check_columns(source: object, names: list[str], columns: Mapping[str, str]) -> None:
    if "text" not in names and "text" not in columns and names:
        likely = next((name for name in names if name.casefold() == "text"), "COLUMN")
        raise InputError(
            f"{source}: no `text` column; it has {', '.join(map(repr, names))}; "
            f"rename the column that holds the texts, or add ?text={likely}"
        )
    unused = [column for column in COLUMNS if column not in names and column not in columns]
    for name in names:
        matches = get_close_matches(name.casefold(), unused, 1, cutoff=0.8)
        if name not in COLUMNS and matches:
            show_message(
                f"{source}: the column `{name}` is not used; if it holds {matches[0]}, rename it "
                f"or add ?{matches[0]}={name}"
            )


def _parse_row(where: str, row: Mapping[str, Any], default_id: str) -> Text:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(
            f"{where}: `text` is missing, empty or not a string; write a text, or remove the row"
        )
    own_id = row.get("id")
    try:
        return Text(
            id=default_id if own_id is None or own_id == "" else str(own_id),
            text=text,
            domain=_read_label(row, "domain", where),
            group=_read_label(row, "group", where),
            spans=tuple(Span(start, end) for start, end in _read_ranges(row, "spans", where)),
            mentions=tuple(
                Mention(start, end, tuple(neutral))
                for start, end, *neutral in _read_ranges(row, "mentions", where)
            ),
            split=_read_string(row, "split", where),
            hateful=_read_boolean(row, "hateful"),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from error


def _read_string(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f"{where}: `{name}` is {value!r}; write a string, or leave it empty")
    return value


def _read_label(row: Mapping[str, Any], name: str, where: str) -> str | None:
    return canonical_label(_read_string(row, name, where) or "") or None


def _read_boolean(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if (spelling := str(value).lower()) not in BOOLEANS:
        raise ValueError(f"`{name}` is {value!r}; write true or false, or leave it empty")
    return BOOLEANS[spelling]


def _read_ranges(row: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = row.get(name)
    if isinstance(value, str):
        value = parse_json(value, f"{where}: `{name}`") if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(_is_range(part, name) for part in value):
        raise ValueError(f"`{name}` is {value!r}; write a list of {RANGES[name]}")
    return value


def _is_range(value: object, name: str) -> bool:
    """Return whether the value is two integers, followed by words if it is a mention."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    bounds, words = value[:2], value[2:]
    return (
        all(type(bound) is int for bound in bounds)
        and all(isinstance(word, str) for word in words)
        and bool(words) == (name == "mentions")
    )
