"""A named list of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.corpora.text import Text


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named list of texts; records list the corpus under this name."""

    name: str
    texts: Sequence[Text]
    domain: str | None = None
