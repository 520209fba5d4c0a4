"""Wikipedia passages of BoolQ (Clark et al. 2019): everyday text to retain."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.passages import read_passages
from fairforget.corpora.text import Text


def wikipedia_texts() -> Iterator[Text]:
    """Every distinct passage, in file order, without its title."""
    return read_passages("wikipedia", lambda passage: passage.partition(" -- ")[2])
