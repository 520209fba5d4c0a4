"""A check that a model is not evaluated on the items that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fairforget.benchmarks.options import base_name, find_user_file, join_corpus, list_options
from fairforget.benchmarks.perplexity import WIKITEXT2, split_corpus
from fairforget.corpora.reading import BUILTIN, CorpusName, parse_name
from fairforget.corpora.sources import SOURCES
from fairforget.corpora.table import SUFFIXES
from fairforget.errors import InputError
from fairforget.files.rows import READERS, table_suffix
from fairforget.names import SMOLLM2
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
    measured = {name: it for name in benchmarks if (it := _measured_items(name)).origins}
    if not measured:
        return
    trained = {corpus: _find_recorded(corpus) for it in models for corpus in training_corpora(it)}
    for corpus, seen in (trained | {it: _find_items(parse_name(it)) for it in corpora}).items():
        for name, items in measured.items():
            if not seen.origins.isdisjoint(items.origins) and not _are_other_splits(seen, items):
                raise InputError(
                    f"benchmark {name!r}: corpus {corpus!r} contains its items, so the model "
                    "would be evaluated on its training data; choose another benchmark or corpus"
                )


@dataclass(frozen=True, slots=True)
class _Items:
    """What a corpus or a benchmark consists of."""

    origins: set[str]
    """Where its texts come from: names of corpora and benchmarks, and paths; empty for a benchmark
    whose items no corpus has."""
    corpus: CorpusName | None = None
    """The corpus that they are, if it is one."""


def _measured_items(benchmark: str) -> _Items:
    """Return the items of a benchmark."""
    base, options = base_name(benchmark), list_options([benchmark])
    if base == "perplexity":
        corpus = split_corpus(options)[1]
        # the corpus of that name is another split
        return _Items(set()) if corpus in ("", WIKITEXT2) else _find_items(parse_name(corpus))
    if base != "harmful_words":
        splits = {split for it in SOURCES.values() for split in it.splits}.intersection(options)
        found = {
            base
            for source in SOURCES.values()
            if source.benchmark == base and (not splits or splits & {*source.splits})
        }
        file = find_user_file(benchmark)  # which may also be the original items
        return _Items(found | {str(Path(file).resolve())} if file else found)
    measured = parse_name(join_corpus(options) or BUILTIN)
    # built-in texts are generated from seeds that no run trains on
    return _Items(set()) if measured.corpus == BUILTIN else _find_items(measured)


def _are_other_splits(one: _Items, other: _Items) -> bool:
    """Whether these are different splits of one corpus, such as `?split=train` and `?split=test`.

    Files have `?split-is=train`, or another column.
    """
    if not one.corpus or not other.corpus or one.corpus.corpus != other.corpus.corpus:
        return False
    return any(
        {*value.split(",")}.isdisjoint(other.corpus.options.get(option, value).split(","))
        for option, value in one.corpus.options.items()
        if option == "split" or option.endswith("-is")
    )


def _find_recorded(corpus: str) -> _Items:
    """Return the items of a corpus that a model was trained on; it may have changed since."""
    parts = parse_name(corpus)
    path = Path(parts.corpus)
    # ids would show whether a file has items of a benchmark
    problem = "was not found" if table_suffix(path) in WITH_IDS and not path.is_file() else ""
    found = _Items({str(path.resolve())}, parts)
    if not problem:
        try:
            found = _find_items(parts)
        except InputError as error:
            problem = f"cannot be read ({error})"
    if problem:
        show_message(
            f"corpus {corpus!r} of this model {problem}, so it is not checked for items of "
            "benchmarks"
        )
    return found


def _find_items(parts: CorpusName) -> _Items:
    """Return the items of a corpus: its name, and the benchmark whose items they are.

    For a file: its path, and the names of both kinds that ids begin with, as those do that `select`
    wrote, such as "hatecheck:12".
    """
    if source := SOURCES.get(parts.corpus):
        return _Items({parts.corpus, *filter(None, [source.benchmark])}, parts)
    path = Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if not read or not path.is_file():
        return _Items({parts.corpus}, parts)
    column = parts.options.get("id", "id")
    names = {*SOURCES, *(it.benchmark for it in SOURCES.values() if it.benchmark)}
    found = {str(row.get(column)).partition(":")[0] for _, row in read(path)}
    return _Items({str(path.resolve()), *(found & names)}, parts)


def training_corpora(model: str) -> Iterator[str]:
    """Yield the corpora of the run that made a model, and of the runs before it.

    Args:
        model: name or path. `unlearn` writes the record to the parent directory of `model/`. A
            model on the hub has none here, and yields nothing.
    """
    seen: set[Path] = set()
    while model != SMOLLM2:  # which is not looked for as a directory
        path = Path(model).resolve()
        if path in seen or not (record := _find_record(path)):
            return
        seen.add(path)
        for corpus in record.corpora:
            if corpus.role != "held-out":
                yield corpus.name
        model = record.model.source


def _find_record(model: Path) -> UnlearningRecord | None:
    """Return the record of the run that made the model, or None."""
    if model.is_dir():
        for directory in (model, model.parent):
            try:
                return read_record(directory / RECORD, UnlearningRecord)
            except InputError:  # no record, or that of another command
                continue
    return None
