"""Forget and retain corpora, by name."""

from __future__ import annotations

from fairforget.corpora.reading import HARMLESS, corpus_names, iter_corpus, parse_name
from fairforget.corpora.sources import SOURCES, Source
from fairforget.corpora.text import Mention, Span, Text


def read_corpus(name: str, *, label: str = "hateful", seed: int = 0) -> list[Text]:
    """Return the texts of `CORPUS[:DOMAIN]` as a list; see `iter_corpus`.

    Raises:
        InputError: unknown corpus or domain, or a malformed file.
    """
    return list(iter_corpus(name, label=label, seed=seed))


__all__ = [
    "HARMLESS",
    "SOURCES",
    "Mention",
    "Source",
    "Span",
    "Text",
    "corpus_names",
    "iter_corpus",
    "parse_name",
    "read_corpus",
]
