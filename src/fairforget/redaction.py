"""Remove secrets from printed and recorded text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

HIDDEN = "…"
SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "CREDENTIALS")
"""Suffixes of the names of environment variables that hold secrets."""
MIN_CHARACTERS = 8
"""Shorter values are not secrets, and would match ordinary words."""
KEY_PATTERN = re.compile(
    r"\bsk-(?=[\w-]*[A-Za-z0-9]{16})(?=[\w-]*\d)[\w-]{20,}"  # OpenAI's; no name of words
    r"|\b(?:hf_|gh[pousr]_)[A-Za-z0-9]{30,}"  # the hub's, GitHub's
    r"|(?<=Bearer )[\w.~+/=-]{8,}"
    r"|(?<=://)[^/?#\s\"']+(?=@)"  # user:password@, token@
)


def redact_values(value: Any) -> Any:
    """Return a JSON value with its strings, but not its numbers, redacted."""
    secrets = _environment_secrets()

    def redacted(part: Any) -> Any:
        if isinstance(part, dict):
            return {_redact(name, secrets): redacted(inner) for name, inner in part.items()}
        if isinstance(part, list):
            return [redacted(inner) for inner in part]
        return _redact(part, secrets) if isinstance(part, str) else part

    return redacted(value)


def redact(text: str) -> str:
    """Return the text without secrets: values of the environment, and strings in the form of a key.

    An environment variable holds a secret if its name ends in KEY, TOKEN, SECRET, PASSWORD,
    PASSPHRASE or CREDENTIALS.
    """
    return _redact(text, _environment_secrets())


def _environment_secrets() -> list[str]:
    """Return the secrets in the environment, the longest first: one may contain another."""
    secrets = {
        value
        for name, value in os.environ.items()
        if name.upper().endswith(SECRET_NAMES) and len(value) >= MIN_CHARACTERS
    }
    return sorted(secrets, key=len, reverse=True)


def _redact(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return KEY_PATTERN.sub(HIDDEN, text)
