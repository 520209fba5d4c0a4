"""List, download and verify the datasets of the catalogue, for `fairforget data`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fairforget.corpora.sources import SOURCES, find_data_set
from fairforget.data.catalogue import CATALOGUE, DataFile, DataSet
from fairforget.data.locate import data_directory, describe_remedy, find_file, find_local_file
from fairforget.errors import InputError


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file of a dataset, or several equivalent ones."""

    where: str
    """Path on this machine, or how to get the file."""
    bytes: int | None
    verified_by: str
    here: bool = True
    """Whether the file is on this machine, valid or not."""
    fetched: bool = False
    """Whether `fairforget data fetch` can download a missing file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A corpus or benchmark."""

    name: str
    use: str
    """forget, retain or benchmark."""
    about: str
    licence: str
    citation: str
    domains: tuple[str, ...]
    options: tuple[str, ...]
    """Options of `NAME?option=value`, without `label` and `split`."""
    files: tuple[FileFacts, ...]


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file on this machine, and how it differs from the catalogue (empty if it does not)."""

    path: str
    problem: str


def list_data_sets() -> list[Entry]:
    """Return all corpora, then the remaining datasets of the catalogue.

    Raises:
        InputError: FAIRFORGET_DATA is not a directory.
    """
    data_directory()
    entries, used_by_corpora = [], set()
    for name, source in SOURCES.items():
        if source.data is None:
            facts = FileFacts("part of the package fairforget", None, "its tests")
            entries.append(
                Entry(
                    name, source.use, source.about, "Apache 2.0", "", source.domains, (), (facts,)
                )
            )
            continue
        used_by_corpora.add(source.data)
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
                tuple(inspect.signature(source.read).parameters),
                _file_facts(data),
            )
        )
    entries += [
        Entry(name, "benchmark", data.about, data.licence, data.citation, (), (), _file_facts(data))
        for name, data in CATALOGUE.items()
        if name not in used_by_corpora
    ]
    return entries


def comes_with_package(name: str) -> bool:
    """Return whether a corpus is part of the package, so that it needs no files."""
    return name in SOURCES and SOURCES[name].data is None


def fetch_files(name: str) -> Iterator[Path]:
    """Yield the paths of the files of a dataset; missing files are downloaded.

    Raises:
        InputError: there is no such dataset, or a file cannot be downloaded.
    """
    data = _find_entry(name)
    if data.alternatives:
        yield find_file(*data.files)
        return
    for file in data.files:
        yield find_file(file)


def verify_files(name: str = "") -> Iterator[VerifiedFile]:
    """Check every file on this machine, of one dataset or of all.

    Raises:
        InputError: there is no such dataset, or FAIRFORGET_DATA is not a directory.
    """
    data_directory()
    for data in [_find_entry(name)] if name else CATALOGUE.values():
        for file in data.files:
            try:
                path = find_local_file(file)
            except InputError as error:
                yield VerifiedFile(file.path, str(error))
            else:
                if path:
                    yield VerifiedFile(str(path), "")


def _find_entry(name: str) -> DataSet:
    if data := find_data_set(name):
        return data
    raise InputError(f"dataset {name!r} is unknown; choose from those in `fairforget data list`")


def _file_facts(data: DataSet) -> tuple[FileFacts, ...]:
    facts = []
    for file in data.files:
        try:
            path = find_local_file(file)
        except InputError as error:
            facts.append(FileFacts(str(error), None, _describe_check(file)))
            continue
        if path:
            facts.append(FileFacts(str(path), path.stat().st_size, _describe_check(file)))
        elif not data.alternatives:
            facts.append(_missing_facts(file))
    return tuple(facts) or (_missing_facts(*data.files),)


def _missing_facts(*alternatives: DataFile) -> FileFacts:
    return FileFacts(
        f"not on this machine ({describe_remedy(alternatives)})",
        None,
        _describe_check(alternatives[0]),
        here=False,
        fetched=any(file.url for file in alternatives),
    )


def _describe_check(file: DataFile) -> str:
    if file.sha256:
        return f"sha256 {file.sha256[0][:12]}"
    return f"git blob {file.git_blob[:12]}" if file.git_blob else "the version of its package"
