"""A check that a model is not evaluated on the items that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fairforget.benchmarks.options import base_name, join_corpus, list_options
from fairforget.corpora.reading import BUILTIN, parse_name
from fairforget.corpora.sources import SOURCES
from fairforget.errors import InputError
from fairforget.files.rows import READERS, table_suffix


def check_unseen(corpus: str, benchmarks: Iterable[str]) -> None:
    """Check that no benchmark is evaluated after training on its own items.

    A corpus is recognised by its name, and a file by the ids that `select` writes.

    Raises:
        InputError: the forget corpus has items of one of the benchmarks.
    """
    bases = {name: base_name(name) for name in benchmarks}
    candidates = {s.benchmark for s in SOURCES.values() if s.benchmark} & {*bases.values()}
    seen = _find_benchmarks(corpus, candidates) if candidates else set()
    for name, base in bases.items():
        if base in seen or (base == "harmful_words" and _is_measured(corpus, name)):
            raise InputError(
                f"benchmark {name!r}: forget corpus {corpus!r} contains its items, so the model "
                "would be evaluated on its training data; choose another benchmark or corpus"
            )


def _is_measured(corpus: str, benchmark: str) -> bool:
    """Whether harmful words are measured in the same corpus. Built-in texts have other seeds."""
    measured = parse_name(join_corpus(list_options([benchmark])) or BUILTIN).corpus
    return parse_name(corpus).corpus == measured != BUILTIN


def _find_benchmarks(corpus: str, candidates: set[str]) -> set[str]:
    """The candidate benchmarks that have items in the corpus."""
    parts = parse_name(corpus)
    source, path = SOURCES.get(parts.corpus), Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if source or not read or not path.is_file():
        return {source.benchmark} & candidates if source and source.benchmark else set()
    column = parts.options.get("id", "id")
    ids = (str(row.get(column)) for _, row in read(path))
    return {item_id.partition(":")[0] for item_id in ids} & candidates
