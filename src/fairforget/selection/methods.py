"""`make_selector`, and the texts that selectors are trained and calibrated on."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora import Text, corpus_names, iter_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.errors import InputError
from fairforget.selection import METHODS
from fairforget.selection.selected import Selector
from fairforget.settings import SelectSettings

CALIBRATION = 10
"""Every tenth built-in text calibrates the threshold; they cover all domains and attributes."""


def make_selector(settings: SelectSettings) -> Selector:
    """Return the selector of a method, trained if necessary.

    Raises:
        InputError: the method is unknown, or its settings or data are missing.
    """
    method = settings.method
    if method not in METHODS:
        raise InputError(f"method {method!r} is unknown; choose from {', '.join(METHODS)}")
    selector: Selector = METHODS[method](settings)
    return selector


def calibration_texts() -> list[Text]:
    """Return built-in texts with exact spans, to calibrate thresholds on."""
    return builtin_texts()[::CALIBRATION]


def training_texts(corpora: str) -> Iterator[Text]:
    """Yield the hateful and the other texts of corpora, separated by commas."""
    for corpus in corpus_names(corpora):
        yield from iter_corpus(corpus, label="all")
