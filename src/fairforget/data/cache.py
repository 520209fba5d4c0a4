"""List and delete the contents of FairForget's cache."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import cache_directory
from fairforget.errors import InputError
from fairforget.files.atomic import TEMPORARY, write_atomically

GGUF, DATA, LLM = "gguf", "data", "llm"
CACHED = {
    GGUF: "converted copies of GGUF files, recreated when needed",
    DATA: "downloaded datasets, downloaded again when needed",
    LLM: "answers of `select --method llm`, which may have cost money",
}
"""Directory of the cache → what it holds, and what deleting it costs."""
OWN = {
    GGUF: re.compile(r"[0-9a-f]{32}(-[^/]+)?(/.*)?"),
    LLM: re.compile(r"[0-9a-f]{2}(/[0-9a-f]+\.json)?"),
}
"""Directory → paths in it that FairForget makes; those in `DATA` are `DATASETS`."""
DATASETS = {
    str(path)
    for entry in CATALOGUE.values()
    for file in entry.files
    for path in (PurePosixPath(file.path), *PurePosixPath(file.path).parents)
}
"""Paths of the files of the catalogue and of their directories."""
LOCK = ".lock"
SOURCE = ".source"
"""Suffix of the file that names the GGUF file a converted copy was made from."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A converted model, or all files of another kind."""

    kind: str
    """One of `CACHED`."""
    about: str
    """The GGUF file that the copy was made from; of another kind, what it is."""
    path: str
    bytes: int
    files: int


def note_source(copy: Path, source: Path) -> None:
    """Record which GGUF file a converted copy was made from, for `list_cache`."""
    named = str(source.resolve()).encode(errors="surrogateescape")
    write_atomically(copy.with_name(copy.name + SOURCE), named)


def list_cache() -> list[CacheEntry]:
    """Return what is in the cache: every converted model, and the other kinds as a whole."""
    entries = []
    for kind, about in CACHED.items():
        directory = cache_directory() / kind
        if kind == GGUF:
            copies = sorted(p for p in directory.glob("*") if p.is_dir() and _is_own(kind, p))
            entries += [_entry(kind, _source_of(copy), copy) for copy in copies]
        elif directory.is_dir():
            entries.append(_entry(kind, about.partition(",")[0], directory))
    return [entry for entry in entries if entry.files]


def clear_cache(kind: str) -> list[CacheEntry]:
    """Delete everything of a kind that FairForget made, and return what it was.

    Args:
        kind: one of `CACHED`, or "all".

    Raises:
        InputError: the kind is unknown.
    """
    if kind not in (*CACHED, "all"):
        raise InputError(f"the cache has no {kind!r}; choose from {', '.join(CACHED)}, all")
    kinds = [*CACHED] if kind == "all" else [kind]
    deleted = [entry for entry in list_cache() if entry.kind in kinds]
    for name in kinds:
        directory = cache_directory() / name
        if not directory.is_dir():
            continue
        # nobody converts or downloads meanwhile; answers are written without a lock
        with nullcontext() if name == LLM else FileLock(directory / LOCK):
            for path in sorted(directory.rglob("*"), reverse=True):  # what is in it comes first
                if not _is_own(name, path):
                    continue
                if path.is_dir() and not path.is_symlink():  # of a link, only the link is deleted
                    with suppress(OSError):  # not empty
                        path.rmdir()
                else:
                    path.unlink(missing_ok=True)  # answers are written meanwhile
    return deleted


def _entry(kind: str, about: str, path: Path) -> CacheEntry:
    files = [it for it in path.rglob("*") if it.is_file() and _is_own(kind, it)]
    sizes = [file.stat().st_size for file in files]
    return CacheEntry(kind, about, str(path), sum(sizes), len(sizes))


def _is_own(kind: str, path: Path) -> bool:
    """Whether a path in the directory of a kind is one that FairForget makes there."""
    relative = path.relative_to(cache_directory() / kind)
    if any(map(TEMPORARY.fullmatch, relative.parts)):
        return True
    if kind == DATA:
        return relative.as_posix() in DATASETS
    return OWN[kind].fullmatch(relative.as_posix()) is not None


def _source_of(copy: Path) -> str:
    try:
        return copy.with_name(copy.name + SOURCE).read_text(encoding="utf-8", errors="replace")
    except OSError:  # converted by an earlier version
        return "a GGUF file"
