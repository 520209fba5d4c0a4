"""The corpora that a model was trained on, and forgotten domains, according to its records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairforget.corpora.domains import target_domains
from fairforget.corpora.reading import parse_name
from fairforget.corpora.table import SUFFIXES
from fairforget.errors import InputError
from fairforget.files.rows import table_suffix
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.terminal.messages import show_message

WITH_IDS = {*SUFFIXES} - {".txt"}
"""Suffixes of files whose rows can have ids."""


def training_corpora(model: str) -> Iterator[str]:
    """Yield the corpora of the run that made a model, and of the runs before it.

    Args:
        model: name or path. `unlearn` writes the record to the parent directory of `model/`, and
            pushes it to the hub with the model.
    """
    seen: set[Path] = set()
    while (path := Path(model).resolve()) not in seen and (record := _find_record(path)):
        seen.add(path)
        for corpus in record.corpora:
            if corpus.role != "held-out":
                _warn_if_missing(corpus.name)
                yield corpus.name
        model = record.model.source


def _warn_if_missing(corpus: str) -> None:
    """Say that a corpus file was not found: its ids would show whether it has benchmark items."""
    path = Path(parse_name(corpus).corpus)
    if table_suffix(path) in WITH_IDS and not path.is_file():
        show_message(
            f"corpus {corpus!r} of this model was not found, so it is not checked for items "
            "of benchmarks"
        )


def trained_domains(record: UnlearningRecord) -> list[str]:
    """The domains of the forget corpora.

    A corpus of a domain (`builtin:gender`) or of a group (`dghs:women`) has that domain; a file
    has the domains that its record names.
    """
    domains: dict[str, None] = {}
    for corpus in record.forget:
        names = corpus.domain or parse_name(corpus.name).part or ""
        for name in filter(None, map(str.strip, names.split(","))):
            domains.update(dict.fromkeys(sorted(target_domains(name, ())) or [name]))
    return list(domains)


def _find_record(model: Path) -> UnlearningRecord | None:
    """Return the record of the run that made the model, or None."""
    if model.is_dir():
        for directory in (model, model.parent):
            try:
                return read_record(directory / RECORD, UnlearningRecord)
            except InputError:  # no record, or that of another command
                continue
    return None
