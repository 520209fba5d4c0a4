"""Clients of OpenAI-compatible servers, such as vLLM, llama.cpp or `transformers serve`."""

from __future__ import annotations

import os
from typing import Any

from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra

KEY = "OPENAI_API_KEY"
"""Environment variable with the key, which is passed to the client only."""
EXAMPLE = "http://127.0.0.1:8000/v1"


def connect(url: str | None, *, what: str, option: str, timeout: float, retries: int) -> Any:
    """Return a client for a server.

    Args:
        url: address of the server. Default: `$OPENAI_BASE_URL`, else OpenAI's.
        what: what needs the server, for messages.
        option: the option with the address, for messages.
        timeout: seconds to wait for an answer.
        retries: repetitions of a failed request, with growing pauses.

    Returns:
        An `openai.OpenAI`.

    Raises:
        InputError: openai is not installed, there is neither a key nor an address, or the address
            is not valid.
    """
    openai = require_extra("openai", "llm", what)
    url = url or os.environ.get("OPENAI_BASE_URL") or None
    key = os.environ.get(KEY)
    if not key and not url:
        raise InputError(
            f"{what}: set {KEY}, or give the address of a server with {option}, such as {EXAMPLE}"
        )
    try:
        return openai.OpenAI(
            api_key=key or "none", base_url=url, timeout=timeout, max_retries=retries
        )
    except Exception as error:  # of openai's HTTP library
        raise InputError(
            f"{option} {url!r} is not a valid address ({hide_key(error)}); give one such as "
            f"{EXAMPLE}"
        ) from None  # the cause may contain the key


def hide_key(error: Exception) -> str:
    """The first line of an error, without the key."""
    text = first_line(error)
    key = os.environ.get(KEY)
    return text.replace(key, "…") if key else text
