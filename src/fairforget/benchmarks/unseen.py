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
    measured = {name: origins for name in benchmarks if (origins := _measured_origins(name))}
    if not measured:
        return
    seen = _find_origins(parse_name(corpus))
    for name, origins in measured.items():
        if not seen.isdisjoint(origins):
            raise InputError(
                f"benchmark {name!r}: forget corpus {corpus!r} contains its items, so the model "
                "would be evaluated on its training data; choose another benchmark or corpus"
            )


def _measured_origins(benchmark: str) -> set[str]:
    """Where the items of a benchmark come from, if a corpus can have them; else nothing."""
    base = base_name(benchmark)
    if base != "harmful_words":
        return {base} & {source.benchmark for source in SOURCES.values() if source.benchmark}
    measured = parse_name(join_corpus(list_options([benchmark])) or BUILTIN)
    # built-in texts are generated from seeds that no run trains on
    return set() if measured.corpus == BUILTIN else _find_origins(measured)


def _find_origins(parts: CorpusName) -> set[str]:
    """Where the texts of a corpus come from: its name, and the benchmark whose items they are.

    For a file: its path, and what ids begin with. An id that `select` wrote, such as
    "hatecheck:12", begins with one of the two.
    """
    if source := SOURCES.get(parts.corpus):
        return {parts.corpus, *filter(None, [source.benchmark])}
    path = Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if not read or not path.is_file():
        return {parts.corpus}
    column = parts.options.get("id", "id")
    ids = (str(row.get(column)).partition(":") for _, row in read(path))
    return {str(path.resolve()), *(name for name, colon, _ in ids if colon)}
