"""The selectors by name. To add one: its file, and a line in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fairforget.corpora import Text, corpus_names, iter_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.errors import InputError
from fairforget.selection.contrast import Contrast
from fairforget.selection.controls import Random, all_words, given_spans
from fairforget.selection.counts import count_words
from fairforget.selection.lexicon import read_lexicon
from fairforget.selection.llm import Llm, Server
from fairforget.selection.selected import Selector

Method = Literal["given", "lexicon", "contrast", "ratio", "llm", "random", "all"]
BACKGROUND = ("wikipedia", "everyday")
"""General English, where it is on this machine."""
CALIBRATION = 10
"""Every tenth built-in text finds the threshold: all domains, templates and attributes."""


RATIO_CALIBRATION = 5
"""Every fifth of those, for the method that runs a model."""


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """What the methods need to know."""

    train: str = "edos"
    """Corpora of hateful and other texts, joined by commas."""
    lexicon: str = ""
    """File of words, or PACKAGE:PATH."""
    model: str = "smollm2"
    """To tune for `ratio`, to ask for `llm`."""
    loading: Mapping[str, Any] = field(default_factory=dict)
    """How `ratio` loads it: arguments of `fairforget.load_model`."""
    server: Server | None = None
    """For `llm`."""
    seed: int = 0
    progress: Callable[[int], None] | None = None
    """Called with the number of texts done since the last call, by methods that take long."""


def make_selector(method: Method, options: SelectionOptions) -> Selector:
    """A selector, trained if it has to be.

    Raises:
        InputError: an unknown method, or something that the method needs is missing.
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is unknown; choose from {', '.join(get_args(Method))}")
    return METHODS[method](options)


def calibration_texts() -> list[Text]:
    """Built-in texts with exact spans, to choose thresholds on."""
    return builtin_texts()[::CALIBRATION]


def training_texts(corpora: str) -> Iterator[Text]:
    """Hateful and other texts of corpora joined by commas."""
    for corpus in corpus_names(corpora):
        with_others = corpus if "label=" in corpus else f"{corpus}{_joint(corpus)}label=all"
        yield from iter_corpus(with_others)


def _joint(corpus: str) -> str:
    return "&" if "?" in corpus else "?"


def _background() -> Iterator[Text]:
    for name in BACKGROUND:
        try:
            yield from iter_corpus(name)
        except InputError:  # not on this machine: the other texts of the training corpus remain
            continue


def _lexicon(options: SelectionOptions) -> Selector:
    if not options.lexicon:
        raise InputError("method 'lexicon' needs --lexicon FILE, one word or phrase a line")
    return read_lexicon(options.lexicon)


def _contrast(options: SelectionOptions) -> Selector:
    counts = count_words(training_texts(options.train), _background())
    return Contrast(counts).calibrated(calibration_texts())


def _llm(options: SelectionOptions) -> Selector:
    return Llm(options.server or Server(options.model), options.progress)


def _ratio(options: SelectionOptions) -> Selector:
    from fairforget.selection.ratio import tuned_ratio  # loads torch

    return tuned_ratio(
        options.model,
        training_texts(options.train),
        _background(),
        calibration_texts()[::RATIO_CALIBRATION],
        seed=options.seed,
        progress=options.progress,
        **options.loading,
    )


METHODS: dict[str, Callable[[SelectionOptions], Selector]] = {
    "given": lambda _: given_spans,
    "lexicon": _lexicon,
    "contrast": _contrast,
    "ratio": _ratio,
    "llm": _llm,
    "random": lambda options: Random(options.seed),
    "all": lambda _: all_words,
}
"""Method → what makes its selector."""
