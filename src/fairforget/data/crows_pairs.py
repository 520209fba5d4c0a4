"""Read pairs of CrowS-Pairs: the original, the revised pairs in three languages, or a CSV file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows

DOMAINS = (
    "race-color",
    "gender",
    "socioeconomic",
    "nationality",
    "religion",
    "age",
    "sexual-orientation",
    "physical-appearance",
    "disability",
)
COLUMNS = ("sent_more", "sent_less", "bias_type")
"""Required columns of a file of pairs."""
REVISED = "crows_pairs-"
"""Begins the names of the revised pairs in the catalogue, which end with the language."""
LANGUAGES = tuple(name.removeprefix(REVISED) for name in CATALOGUE if name.startswith(REVISED))


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of sentences."""

    id: str
    domain: str
    sent_more: str
    sent_less: str
    antistereo: bool = False
    """Whether the pair goes against a stereotype; `sent_more` is still the more stereotypical."""


def read_pairs(path: str | Path | None = None) -> list[Pair]:
    """Read pairs from a CSV file with the columns of the original.

    Args:
        path: by default, the original file.

    Raises:
        InputError: the file is missing or malformed; names file, line and column.
    """
    path = Path(path) if path is not None else find_file(*CATALOGUE["crows_pairs"].files)
    pairs: dict[str, Pair] = {}
    for number, (where, row) in enumerate(csv_rows(path)):
        pair = _parse_pair(row, number, where)
        if pair.id in pairs:
            raise InputError(f"{where}: id {pair.id!r} occurs twice; make ids unique")
        pairs[pair.id] = pair
    if not pairs:
        raise InputError(f"{path}: no pairs found; expected a header and one line per pair")
    return list(pairs.values())


def read_revised_pairs(language: str) -> list[Pair]:
    """Read the revised pairs of a language (Névéol et al. 2022).

    Pairs without a translation are left out. Some lines of the Dutch file are in Mac OS Roman.

    Args:
        language: one of `LANGUAGES`.

    Raises:
        InputError: the file is missing or malformed; names file, line and column.
    """
    path = find_file(*CATALOGUE[REVISED + language].files)
    lines = "".join(map(_decode, path.read_bytes().splitlines(keepends=True)))
    rows = [*csv.DictReader(io.StringIO(lines, newline=""))]
    complete = [row for row in rows if all((row.get(c) or "").strip() for c in COLUMNS)]
    return [_parse_pair(row, n, f"{path}, pair {row['id']}") for n, row in enumerate(complete)]


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("mac_roman")


def _parse_pair(row: dict[str, str], number: int, where: str) -> Pair:
    for column in COLUMNS:
        if column not in row:
            header = ", ".join(map(repr, row))
            raise InputError(f"{where}: no column {column!r}; add it, or rename one of {header}")
        if not row[column].strip():
            raise InputError(f"{where}: column {column!r} is empty; fill it, or remove the pair")
    if row["bias_type"] not in DOMAINS:
        raise InputError(
            f"{where}: bias_type {row['bias_type']!r} is unknown; choose from {', '.join(DOMAINS)}"
        )
    direction = row.get("stereo_antistereo") or "stereo"
    if direction not in ("stereo", "antistereo"):
        raise InputError(
            f"{where}: stereo_antistereo {direction!r} is unknown; write stereo or antistereo"
        )
    return Pair(
        row.get("") or row.get("id") or str(number),
        row["bias_type"],
        row["sent_more"],
        row["sent_less"],
        direction == "antistereo",
    )
