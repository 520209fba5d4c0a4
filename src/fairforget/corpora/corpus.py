"""A named list of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.corpora import parse_name, read_corpus
from fairforget.corpora.text import Text


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named list of texts; records list the corpus under this name."""

    name: str
    texts: Sequence[Text]
    domain: str | None = None


def load_corpus(name: str, *, label: str = "hateful") -> Corpus:
    """Return `CORPUS[:DOMAIN]` with its texts; see `iter_corpus`.

    Raises:
        InputError: unknown corpus or domain, or a malformed file.
    """
    return Corpus(name, read_corpus(name, label=label), parse_name(name).part)
