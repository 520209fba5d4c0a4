"""The options of all selectors, and `make_selector`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairforget.corpora import Text, corpus_names, iter_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.errors import InputError
from fairforget.selection import METHODS
from fairforget.selection.selected import Selector

if TYPE_CHECKING:
    from fairforget.selection.llm import Server

CALIBRATION = 10
"""Every tenth built-in text calibrates the threshold; they cover all domains and attributes."""


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Options of the selectors."""

    train: str = "edos"
    """Corpora of hateful and other texts, separated by commas."""
    lexicon: str = ""
    """Word list: a file, or PACKAGE:PATH."""
    model: str = "smollm2"
    """The model that `llm` queries."""
    server: Server | None = None
    """The server of the method `llm`."""
    seed: int = 0
    progress: Callable[[int], None] | None = None
    """Called by slow methods with the number of texts finished since the last call."""


def make_selector(method: str, options: SelectionOptions) -> Selector:
    """Return a selector, trained if necessary.

    Raises:
        InputError: the method is unknown, or its options or data are missing.
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is unknown; choose from {', '.join(METHODS)}")
    selector: Selector = METHODS[method](options)
    return selector


def calibration_texts() -> list[Text]:
    """Return built-in texts with exact spans, to calibrate thresholds on."""
    return builtin_texts()[::CALIBRATION]


def training_texts(corpora: str) -> Iterator[Text]:
    """Yield the hateful and the other texts of corpora, separated by commas."""
    for corpus in corpus_names(corpora):
        separator = "&" if "?" in corpus else "?"
        yield from iter_corpus(corpus if "label=" in corpus else f"{corpus}{separator}label=all")
