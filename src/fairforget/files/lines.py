"""The lines of a text file that a person may have written, of bounded length, as UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairforget.errors import InputError

LINE_LIMIT = 1 << 22
"""Bytes: a longer line is no text with its spans; most likely a line break or a quote is missing.
"""


def utf8_lines(path: Path) -> Iterator[str]:
    """Every line with its line break, without a byte order mark, in constant memory.

    Raises:
        InputError: the file cannot be read; a line is too long, or not UTF-8: names the line.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from error
    with file:
        number = 0
        while line := file.readline(LINE_LIMIT + 1):
            number += 1
            if len(line) > LINE_LIMIT:
                raise InputError(
                    f"{path}, line {number}: longer than {LINE_LIMIT >> 20} MB; "
                    "split the text, or put the missing line breaks in"
                )
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8; "
                    "save the file as UTF-8"
                ) from error
