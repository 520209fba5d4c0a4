"""A check that a model is not evaluated on the items that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from fairforget.benchmarks.options import base_name, find_user_file, join_corpus, list_options
from fairforget.benchmarks.perplexity import split_corpus
from fairforget.corpora.reading import BUILTIN, CorpusName, parse_name
from fairforget.corpora.sources import SOURCES
from fairforget.corpora.table import SUFFIXES
from fairforget.errors import InputError
from fairforget.files.rows import READERS, table_suffix
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.terminal.messages import show_message

WITH_IDS = {*SUFFIXES} - {".txt"}
"""Suffixes of files whose rows can have ids."""


def check_unseen(
    benchmarks: Iterable[str], *, corpora: Iterable[str] = (), models: Iterable[str] = ()
) -> None:
    """Check that no benchmark is evaluated after training on its own items.

    A corpus is recognised by its name, and a file by the ids that `select` writes.

    Args:
        benchmarks: names with options.
        corpora: on which a run trains.
        models: names or paths, whose `training_corpora` are checked as well.

    Raises:
        InputError: a corpus has items of one of the benchmarks.
    """
    measured = {name: origins for name in benchmarks if (origins := _measured_origins(name))}
    if not measured:
        return
    trained = (corpus for model in models for corpus in training_corpora(model))
    for corpus in dict.fromkeys(chain(corpora, trained)):
        seen = _find_origins(parse_name(corpus))
        for name, origins in measured.items():
            if not seen.isdisjoint(origins):
                raise InputError(
                    f"benchmark {name!r}: corpus {corpus!r} contains its items, so the model "
                    "would be evaluated on its training data; choose another benchmark or corpus"
                )


def _measured_origins(benchmark: str) -> set[str]:
    """Where the items of a benchmark come from, if a corpus can have them; else nothing."""
    base, options = base_name(benchmark), list_options([benchmark])
    if base == "perplexity":
        corpus = split_corpus(options)[1]
        return _find_origins(parse_name(corpus)) if corpus else set()
    if base != "harmful_words":
        splits = {split for it in SOURCES.values() for split in it.splits}.intersection(options)
        found = {
            base
            for source in SOURCES.values()
            if source.benchmark == base and (not splits or splits & {*source.splits})
        }
        file = find_user_file(benchmark)  # which may also be the original items
        return found | {str(Path(file).resolve())} if file else found
    measured = parse_name(join_corpus(options) or BUILTIN)
    # built-in texts are generated from seeds that no run trains on
    return set() if measured.corpus == BUILTIN else _find_origins(measured)


def _find_origins(parts: CorpusName) -> set[str]:
    """Where the texts of a corpus come from: its name, and the benchmark whose items they are.

    For a file: its path, and the names of both kinds that ids begin with, as those do that `select`
    wrote, such as "hatecheck:12".
    """
    if source := SOURCES.get(parts.corpus):
        return {parts.corpus, *filter(None, [source.benchmark])}
    path = Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if not read or not path.is_file():
        return {parts.corpus}
    column = parts.options.get("id", "id")
    names = {*SOURCES, *(it.benchmark for it in SOURCES.values() if it.benchmark)}
    found = {str(row.get(column)).partition(":")[0] for _, row in read(path)}
    return {str(path.resolve()), *(found & names)}


def training_corpora(model: str) -> Iterator[str]:
    """Yield the corpora of the run that made a model, and of the runs before it.

    Args:
        model: name or path. `unlearn` writes the record to the parent directory of `model/`. A
            model on the hub has none here, and yields nothing.
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


def _find_record(model: Path) -> UnlearningRecord | None:
    """Return the record of the run that made the model, or None."""
    if model.is_dir():
        for directory in (model, model.parent):
            try:
                return read_record(directory / RECORD, UnlearningRecord)
            except InputError:  # no record, or that of another command
                continue
    return None
