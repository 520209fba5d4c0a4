"""The registry of selectors. To add one, write its file and add a line to `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from fairforget.corpora import Text, corpus_names, iter_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.errors import InputError
from fairforget.selection.contrast import Contrast
from fairforget.selection.controls import Random, all_words, given_spans
from fairforget.selection.counts import count_words
from fairforget.selection.lexicon import read_lexicon
from fairforget.selection.llm import Llm, Server
from fairforget.selection.selected import Selector

Method = Literal["given", "lexicon", "contrast", "llm", "random", "all"]
BACKGROUND = ("wikipedia", "everyday")
"""Corpora of general English; those that are not on this machine are skipped."""
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
    """For `llm`."""
    seed: int = 0
    progress: Callable[[int], None] | None = None
    """Called by slow methods with the number of texts finished since the last call."""


def make_selector(method: Method, options: SelectionOptions) -> Selector:
    """Return a selector, trained if necessary.

    Raises:
        InputError: the method is unknown, or its options or data are missing.
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is unknown; choose from {', '.join(get_args(Method))}")
    return METHODS[method](options)


def calibration_texts() -> list[Text]:
    """Return built-in texts with exact spans, to calibrate thresholds on."""
    return builtin_texts()[::CALIBRATION]


def training_texts(corpora: str) -> Iterator[Text]:
    """Yield the hateful and the other texts of corpora, separated by commas."""
    for corpus in corpus_names(corpora):
        separator = "&" if "?" in corpus else "?"
        yield from iter_corpus(corpus if "label=" in corpus else f"{corpus}{separator}label=all")


def _background() -> Iterator[Text]:
    for name in BACKGROUND:
        try:
            yield from iter_corpus(name)
        except InputError:  # not on this machine
            continue


def _lexicon(options: SelectionOptions) -> Selector:
    if not options.lexicon:
        raise InputError("method 'lexicon' needs --lexicon FILE, with one word or phrase per line")
    return read_lexicon(options.lexicon)


def _contrast(options: SelectionOptions) -> Selector:
    counts = count_words(training_texts(options.train), _background())
    return Contrast(counts).calibrated(calibration_texts())


def _llm(options: SelectionOptions) -> Selector:
    return Llm(options.server or Server(options.model), options.progress)


METHODS: dict[str, Callable[[SelectionOptions], Selector]] = {
    "given": lambda _: given_spans,
    "lexicon": _lexicon,
    "contrast": _contrast,
    "llm": _llm,
    "random": lambda options: Random(options.seed),
    "all": lambda _: all_words,
}
"""Method → factory of its selector."""
