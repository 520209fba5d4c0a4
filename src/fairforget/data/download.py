"""Bring a file from the web, going on where an earlier attempt broke off."""

from __future__ import annotations

from pathlib import Path

TIMEOUT = 30.0
"""Seconds without a byte."""
BLOCK = 1 << 16
PARTIAL, PAST_THE_END = 206, 416
"""Status of an answer with the rest of a file, and of one that says that nothing is left."""


def download(url: str, part: Path) -> None:
    """Complete `part`; what came stays there if the connection breaks, whole or not.

    Servers that cannot send a part of a file send all of it again. That the file is the right one
    is for the caller to verify.

    Raises:
        OSError: no network, or the server does not have it.
    """
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if have and answer.status_code == PAST_THE_END:
            return
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == PARTIAL else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)
