"""Read UTF-8 text and JSON that a person may have written, with the line in every error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairforget.errors import InputError

MAX_LINE_BYTES = 1 << 22
"""A longer line is not a text with its spans; most likely a line break or a quote is missing."""


def read_text(path: Path) -> str:
    """Return the content of a UTF-8 text file, without a byte order mark.

    Raises:
        InputError: the file is missing, unreadable or not UTF-8; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise _encoding_error(path, number, content[error.start]) from error


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 text file with their line breaks, in constant memory.

    Raises:
        InputError: the file is missing or unreadable, or a line is too long or not UTF-8; names
            the line.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from error
    with file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise InputError(
                    f"{path}, line {number}: longer than {MAX_LINE_BYTES >> 20} MB; "
                    "split the text, or add the missing line breaks"
                )
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _encoding_error(path, number, line[error.start]) from error


def parse_json(text: str, where: str) -> Any:
    """Return a JSON value whose strings can be encoded as UTF-8.

    Args:
        text: the JSON.
        where: its location, for the error message.

    Raises:
        InputError: the text is not such JSON.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # possibly a lone surrogate
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where}: not JSON ({error}); check its quotes, commas and brackets"
        ) from error
    return value


def _encoding_error(path: Path, line: int, byte: int) -> InputError:
    return InputError(
        f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
    )
