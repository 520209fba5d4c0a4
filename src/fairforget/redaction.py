"""Keep keys out of what is printed and recorded."""

from __future__ import annotations

import os
import re

HIDDEN = "…"
SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "CREDENTIALS")
"""How the names of environment variables with secrets end."""
SHORTEST = 8
"""Characters: what is shorter is no key, and would be found in innocent words."""
SHAPES = re.compile(
    r"\b(?:sk-|hf_|gh[pousr]_)[\w-]{12,}"  # OpenAI's, the hub's, GitHub's
    r"|(?<=Bearer )[\w.~+/=-]{8,}"
    r"|(?<=://)[^/@\s]*:[^/@\s]*(?=@)"  # user:password@
)


def redact(text: str) -> str:
    """The text without keys: those of the environment, and what looks like one.

    A variable of the environment holds a secret if its name ends in KEY, TOKEN, SECRET, PASSWORD,
    PASSPHRASE or CREDENTIALS.
    """
    for name, value in os.environ.items():
        if name.upper().endswith(SECRET_NAMES) and len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    return SHAPES.sub(HIDDEN, text)
