"""A check that a model is not evaluated on the items that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fairforget.benchmarks.options import base_name, join_corpus, list_options
from fairforget.corpora.reading import BUILTIN, CorpusName, parse_name
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
    """Whether harmful words are measured in the same texts. Built-in texts have other seeds."""
    measured = parse_name(join_corpus(list_options([benchmark])) or BUILTIN)
    if measured.corpus == BUILTIN:
        return False
    return not _find_origins(parse_name(corpus)).isdisjoint(_find_origins(measured))


def _find_benchmarks(corpus: str, candidates: set[str]) -> set[str]:
    """The candidate benchmarks that have items in the corpus."""
    parts = parse_name(corpus)
    if source := SOURCES.get(parts.corpus):
        return {source.benchmark or ""} & candidates
    return _find_origins(parts) & candidates


def _find_origins(parts: CorpusName) -> set[str]:
    """Where the texts of a corpus come from: its name; of a file, its path and what ids begin with.

    An id that `select` wrote, such as "hatecheck:12", begins with the name of a corpus.
    """
    path = Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if parts.corpus in SOURCES or not read or not path.is_file():
        return {parts.corpus}
    column = parts.options.get("id", "id")
    ids = (str(row.get(column)).partition(":") for _, row in read(path))
    return {str(path.resolve()), *(name for name, colon, _ in ids if colon)}
