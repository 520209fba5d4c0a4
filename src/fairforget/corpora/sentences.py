"""Split texts into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_WORDS = 40
"""Maximum length of a sentence."""


def short_sentences(texts: Iterable[str]) -> list[str]:
    """Return the sentences of texts that have at most `MAX_WORDS` words."""
    split = (re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) for text in texts)
    return [part for parts in split for part in parts if len(part.split()) <= MAX_WORDS]
