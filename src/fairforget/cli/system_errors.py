"""Errors of the operating system, such as a full disk, in one line with a remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fairforget.data.locate import cache_directory

REMEDIES = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EMFILE: "raise the limit (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
    errno.ENOMEM: "free some memory, or choose a smaller model or --batch_size",
    errno.EROFS: "choose another directory",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "choose another path",
    errno.EACCES: "choose another directory, or change its permissions",
}
"""System error → remedy."""
NO_MEMORY = ("not enough memory", "out of memory", "alloc_cpu", "bad_alloc", "start new thread")
"""How libraries report that memory ran out."""
BUGS = (AssertionError, AttributeError, IndexError, KeyError, NameError, TypeError)
"""Errors that no system error causes, even if they occur while one is handled."""


def describe_system_error(error: BaseException) -> str | None:
    """Return a one-line message for an operating-system error; None for any other error."""
    if isinstance(error, OSError) and error.errno is not None:
        remedy = REMEDIES.get(error.errno, "")
        if error.errno in (errno.EROFS, errno.EACCES) and _is_in_cache(error.filename):
            remedy = "set FAIRFORGET_CACHE to a writable directory"
        unnamed = "the network" if isinstance(error, ConnectionError) else "a file"
        return f"{error.filename or unnamed}: {error.strerror}{remedy and '; '}{remedy}"
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in NO_MEMORY):
        return f"{os.strerror(errno.ENOMEM)}; {REMEDIES[errno.ENOMEM]}"
    for number, remedy in REMEDIES.items():  # libraries pass on only the text
        if os.strerror(number) in text:
            return f"{os.strerror(number)}; {remedy}"
    is_related = not (error.__suppress_context__ or isinstance(error, BUGS))
    cause = error.__cause__ or (error.__context__ if is_related else None)
    return describe_system_error(cause) if cause else None


def _is_in_cache(filename: object) -> bool:
    if not isinstance(filename, str | os.PathLike):
        return False
    cache, path = cache_directory().absolute(), Path(filename).absolute()
    return path.is_relative_to(cache) or cache.is_relative_to(path)
