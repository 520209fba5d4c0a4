"""Corpora by name: texts to forget, texts to retain."""

from __future__ import annotations

from pathlib import Path

from fairforget.corpora.boolq import boolq_texts
from fairforget.corpora.builtin import DOMAINS, builtin_texts
from fairforget.corpora.everyday import everyday_texts
from fairforget.corpora.table import SUFFIXES, table_texts
from fairforget.corpora.text import Mention, Span, Text
from fairforget.errors import InputError

CORPORA = {
    "builtin": "mild derogations of groups, made from templates; domains: " + ", ".join(DOMAINS),
    "boolq": "Wikipedia passages, to retain",
    "everyday": "everyday sentences, to retain or to measure damage",
}


def read_corpus(name: str, *, seed: int = 0) -> list[Text]:
    """The texts of `CORPUS[:DOMAIN]`: a known corpus, or a `.csv`, `.jsonl` or `.parquet` file.

    Raises:
        InputError: unknown corpus or domain, or a malformed file.
    """
    corpus, domain = _parts(name)
    if corpus == "builtin":
        return builtin_texts(domain, seed=seed)
    if corpus == "boolq":
        texts = list(boolq_texts())
    elif corpus == "everyday":
        texts = list(everyday_texts())
    elif Path(corpus).suffix in SUFFIXES:
        texts = list(table_texts(corpus))
    else:
        raise InputError(
            f"corpus {corpus!r} is unknown; choose from {', '.join(CORPORA)}, "
            f"or give a file ending in {', '.join(SUFFIXES)}"
        )
    if domain is None:
        return texts
    chosen = [text for text in texts if text.domain == domain]
    if not chosen:
        there = sorted({text.domain for text in texts if text.domain}) or ["none"]
        raise InputError(
            f"corpus {corpus!r} has no text of domain {domain!r}; its domains: {', '.join(there)}"
        )
    return chosen


def _parts(name: str) -> tuple[str, str | None]:
    corpus, _, domain = name.rpartition(":")
    if corpus and not Path(name).exists() and "/" not in domain and "." not in domain:
        return corpus, domain
    return name, None


__all__ = ["CORPORA", "Mention", "Span", "Text", "read_corpus"]
