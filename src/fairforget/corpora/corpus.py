"""A named list of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.corpora import parse_name, read_corpus
from fairforget.corpora.text import Text
from fairforget.errors import InputError


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named list of texts; records list the corpus under this name.

    Raises:
        InputError: `parse_name` does not accept the name, the texts are not a sequence, or one of
            them is not a `Text`.
    """

    name: str
    texts: Sequence[Text]
    domain: str | None = None

    def __post_init__(self) -> None:
        parse_name(self.name)  # as later commands do when they read it in a record
        if not isinstance(self.texts, Sequence):  # a generator could be read only once
            raise InputError(
                f"corpus {self.name!r}: the texts are a {type(self.texts).__name__}; make them a "
                "list"
            )
        for number, text in enumerate(self.texts, 1):
            if not isinstance(text, Text):
                raise InputError(
                    f"corpus {self.name!r}: text {number} is a {type(text).__name__}; make it a "
                    "Text(id, text)"
                )


def load_corpus(corpus: str | Corpus, *, label: str = "hateful") -> Corpus:
    """Return `CORPUS[:DOMAIN]` with its texts; see `iter_corpus`. A `Corpus` is returned unchanged.

    Raises:
        InputError: unknown corpus or domain, or a malformed file.
    """
    if isinstance(corpus, Corpus):
        return corpus
    return Corpus(corpus, read_corpus(corpus, label=label), parse_name(corpus).part)


def name_of(corpus: str | Corpus) -> str:
    """Return the name of a corpus."""
    return corpus if isinstance(corpus, str) else corpus.name
