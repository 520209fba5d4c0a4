"""Find what broken encodings leave in a text, such as "â€™" for an apostrophe, or "&#x200B;"."""

from __future__ import annotations

import re

SUSPECTS = re.compile(
    "(?P<run>[^\x00-\x7f]+)|&(?:#[0-9]+|#x[0-9a-f]+|[a-z]{2,}[0-9]*);", re.IGNORECASE
)
"""Characters beyond ASCII in a row, and HTML entities."""
LOST = re.compile("[\ufffd\x80-\x9f]")
"""The replacement character, and control characters that no text contains."""


def debris_ranges(text: str) -> list[tuple[int, int]]:
    """Return the start and the end (exclusive) of everything that is left of a broken encoding.

    Characters in a row are debris if, as bytes of Windows-1252, they are UTF-8: "Ã©" is, the bytes
    of "é" in UTF-8, and "é" or "naïve" are not.
    """
    return [
        match.span()
        for match in SUSPECTS.finditer(text)
        if match["run"] is None or LOST.search(match["run"]) or _is_utf8_misread(match["run"])
    ]


def _is_utf8_misread(run: str) -> bool:
    """Return whether characters are UTF-8 that was read as Windows-1252; it may be cut off."""
    try:
        data = run.encode("cp1252")
    except UnicodeEncodeError:
        return False  # not all are characters of Windows-1252
    if len(data) < 2:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # 0xE2 and 0xF0 begin punctuation and emoji; others may be a letter before a quote
        begun = data[error.start] in (0xE2, 0xF0) and len(data) - error.start > 1
        return error.start > 0 or ("unexpected end" in error.reason and begun)
    return True
