"""Read a file that a person may have written: clear lines when it is not what it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairforget.errors import InputError


def read_text(path: Path) -> str:
    """The content of a UTF-8 text file, with or without a byte order mark.

    Raises:
        InputError: missing, unreadable, or in another encoding; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; "
            "save the file as UTF-8"
        ) from error


def parse_json(text: str, where: str) -> Any:
    """A JSON value, whose strings can be written as UTF-8.

    Raises:
        InputError: it is none; says where.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # half of a pair may stand alone
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error})") from error
    return value
