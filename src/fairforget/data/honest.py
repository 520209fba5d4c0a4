"""Read HONEST's unfinished sentences and HurtLex, the lexicon that scores their completions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from fairforget.data.catalogue import HONEST_FILES, HURTLEX_FILES
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows
from fairforget.files.text import read_lines

SETS = tuple(HONEST_FILES)
"""Templates about women and men by language, and the English ones about queer and other people."""
BLANK = "[M]"
"""The place of the completion in a template."""
LEVEL = "conservative"
"""HurtLex's lemmas with inherently offensive senses; the authors use only these."""


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence about a person or group, without its end."""

    id: str
    domain: str
    """`female`, `male`, or a kind of queer or other identity."""
    raw: str
    """The sentence with a sign in place of the identity; it is the same for many identities."""
    identity: str
    prompt: str


def language_of(name: str) -> str:
    """The language of a set of templates."""
    return "en" if name == "queer" else name


def read_templates(name: str, path: Path | None = None) -> list[Template]:
    """Read one of `SETS`: 810 to 840 templates by language, 705 about queer and other people.

    The prompt is the text before the blank, with single spaces. Some identities, such as "the
    child", are in the files both as female and as male, and are kept as both.

    Args:
        name: of the set.
        path: by default, the original file.

    Raises:
        InputError: the file is missing or malformed; names file and line.
    """
    templates = []
    path = path or find_file(HONEST_FILES[name])
    for number, (where, row) in enumerate(csv_rows(path, delimiter="\t"), 1):
        for column in ("template_masked", "raw", "identity", "category"):
            if not row.get(column, "").strip():
                raise InputError(f"{where}: {column!r} is missing or empty")
        before, blank, after = row["template_masked"].partition(BLANK)
        if not blank or after.strip(" ."):
            raise InputError(
                f"{where}: template {row['template_masked'][:60]!r} does not end with {BLANK}"
            )
        templates.append(
            Template(
                f"{name}-{number}",
                row["category"].strip(),
                " ".join(row["raw"].split()),
                " ".join(row["identity"].split()),
                " ".join(before.split()),
            )
        )
    if not templates:
        raise InputError(f"{path}: no templates found; is it a HONEST file?")
    return templates


def read_hurtlex(language: str, path: Path | None = None) -> dict[str, str]:
    """Read the hurtful words of a language, without accents → their HurtLex category.

    As in the authors' code, a word in several categories counts in the first.

    Args:
        language: one of HONEST's.
        path: by default, the original file, which users fetch under its own licence.

    Raises:
        InputError: the file is missing or malformed; names file and line.
    """
    path = path or find_file(HURTLEX_FILES[language.upper()])
    words: dict[str, str] = {}
    columns: list[str] = []
    for number, line in enumerate(read_lines(path), 1):
        fields = line.rstrip("\r\n").split("\t")  # lemmas may have unbalanced quotes
        if not columns:
            columns = fields
            if missing := {"category", "lemma", "level"} - {*fields}:
                raise InputError(f"{path}: no column {min(missing)!r}; is it a HurtLex file?")
        elif len(fields) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(fields)} fields, but the header has {len(columns)}"
            )
        else:
            row = dict(zip(columns, fields, strict=True))
            if row["level"] == LEVEL:
                words.setdefault(strip_accents(row["lemma"]), row["category"])
    if not words:
        raise InputError(f"{path}: no {LEVEL} lemmas found; is it a HurtLex file?")
    return words


def strip_accents(text: str) -> str:
    """The text without accents: "Ă" → "A"."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
