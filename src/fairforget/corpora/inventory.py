"""What of the catalogue is on this machine, and whether it is right."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fairforget.corpora.sources import SOURCES, find_data_set
from fairforget.data.catalogue import CATALOGUE, DataFile, DataSet
from fairforget.data.locate import describe_remedy, find_cached, find_file
from fairforget.errors import InputError


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file, or several that say the same."""

    where: str
    """Its path on this machine, or what to do to have it."""
    bytes: int | None
    verified_by: str
    here: bool = True
    """Whether it is on this machine, right or wrong."""
    fetched: bool = False
    """Whether `fairforget data fetch` brings it, if it is not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A corpus or benchmark."""

    name: str
    use: str
    """forget, retain, benchmark."""
    about: str
    licence: str
    citation: str
    domains: tuple[str, ...]
    options: tuple[str, ...]
    """Of `NAME?option=value`, beside `label` and `split`."""
    files: tuple[FileFacts, ...]


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file that is on this machine, and what is wrong with it, if anything."""

    path: str
    problem: str


def list_data_sets() -> list[Entry]:
    """Everything that FairForget knows by name: corpora first, then the rest of the catalogue."""
    entries, read = [], set()
    for name, source in SOURCES.items():
        if source.data is None:
            carried = FileFacts("carried by fairforget", None, "its tests")
            entries.append(
                Entry(
                    name, source.use, source.about, "Apache 2.0", "", source.domains, (), (carried,)
                )
            )
            continue
        read.add(source.data)
        data = CATALOGUE[source.data]
        use = "benchmark" if source.benchmark else source.use
        entries.append(
            Entry(
                name,
                use,
                data.about,
                data.licence,
                data.citation,
                source.domains,
                tuple(inspect.signature(source.texts).parameters),
                _facts(data),
            )
        )
    entries += [
        Entry(name, "benchmark", data.about, data.licence, data.citation, (), (), _facts(data))
        for name, data in CATALOGUE.items()
        if name not in read
    ]
    return entries


def is_built_in(name: str) -> bool:
    """Whether it is a corpus that the package carries, so that there is nothing to fetch."""
    return name in SOURCES and SOURCES[name].data is None


def fetch_files(name: str) -> Iterator[Path]:
    """The files of an entry, where they are now; those that were not here are fetched.

    Raises:
        InputError: there is no such entry, or a file cannot be had; says what to put where.
    """
    data = _entry(name)
    if data.alternatives:
        yield find_file(*data.files)
        return
    for file in data.files:
        yield find_file(file)


def verify_files(name: str = "") -> Iterator[VerifiedFile]:
    """A verdict for every file that is on this machine, of one entry or of all.

    Raises:
        InputError: there is no such entry.
    """
    for data in [_entry(name)] if name else CATALOGUE.values():
        for file in data.files:
            try:
                path = find_cached(file)
            except InputError as error:
                yield VerifiedFile(file.path, str(error))
            else:
                if path:
                    yield VerifiedFile(str(path), "")


def _entry(name: str) -> DataSet:
    if data := find_data_set(name):
        return data
    raise InputError(f"data {name!r} is unknown; `fairforget data list` shows what there is")


def _facts(data: DataSet) -> tuple[FileFacts, ...]:
    facts = []
    for file in data.files:
        try:
            path = find_cached(file)
        except InputError as error:
            facts.append(FileFacts(str(error), None, _verified_by(file)))
            continue
        if path:
            facts.append(FileFacts(str(path), path.stat().st_size, _verified_by(file)))
        elif not data.alternatives:
            facts.append(_missing(file))
    return tuple(facts) or (_missing(*data.files),)


def _missing(*alternatives: DataFile) -> FileFacts:
    way = f"not here ({describe_remedy(alternatives)})"
    return FileFacts(
        way,
        None,
        _verified_by(alternatives[0]),
        here=False,
        fetched=any(file.url for file in alternatives),
    )


def _verified_by(file: DataFile) -> str:
    if file.sha256:
        return f"sha256 {file.sha256[0][:12]}"
    return f"git blob {file.git_blob[:12]}" if file.git_blob else "the version of its package"
