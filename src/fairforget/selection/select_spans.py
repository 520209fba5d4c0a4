"""`select_spans`: find the harmful spans of a corpus; `estimate_cost`: what an LLM would cost."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import tee
from pathlib import Path
from typing import Any

from fairforget.corpora import Text, corpus_names, iter_corpus, parse_name
from fairforget.errors import InputError
from fairforget.extras import check_report_extra
from fairforget.files.overwriting import check_not_overwritten, check_replaceable
from fairforget.selection import make_selector
from fairforget.selection.contrast import Contrast
from fairforget.selection.identity import mentions_of
from fairforget.selection.llm import CostEstimate, Llm
from fairforget.selection.parallel import select_in_parallel
from fairforget.selection.result import SelectionResult
from fairforget.selection.review import is_review_page, write_review
from fairforget.selection.score import SpanScorer
from fairforget.selection.selected import (
    SelectedText,
    Selector,
    is_spans_file,
    select,
    write_spans,
)
from fairforget.settings import SelectSettings
from fairforget.settings_merging import merge_settings
from fairforget.terminal.messages import show_message
from fairforget.terminal.progress import progress_bar

LLM = "llm"
"""The method that queries a server."""
MAX_PROCESSES = 1024
OWNERS = {
    "lexicon": "lexicon",
    "train": "contrast",
    "model": LLM,
    "url": LLM,
    "concurrency": LLM,
    "timeout": LLM,
    "seed": "random",
}
"""Setting → the only method that it applies to."""


def select_spans(
    corpus: str | Path,
    *,
    output: str | Path | None = None,
    review: str | Path | None = None,
    score: bool = False,
    settings: SelectSettings | None = None,
    **overrides: Any,
) -> SelectionResult:
    """Find the harmful spans of a corpus, for `debias` to unlearn and a person to review.

    The corpus is read text by text, so it need not fit in memory, except with `review`. If
    `processes` is more than 1, a script needs `if __name__ == "__main__":` around the call.

    Args:
        corpus: `CORPUS[:DOMAIN][?option=value]`, or a .csv, .jsonl, .parquet or .txt file.
        output: a `.jsonl` file to write, which is a forget corpus: id, text, domain, group,
            spans, mentions, why.
        review: an `.html` file to write, for correcting the spans by hand.
        score: whether to compare the spans with those of the corpus.
        settings: all settings. Default: `SelectSettings()`.
        **overrides: fields of `SelectSettings` as keywords; they take precedence over `settings`.

    Returns:
        How much was selected and, with `score`, the agreement with the spans of the corpus.

    Raises:
        InputError: the method is unknown, a setting is out of range or belongs to another method, a
            corpus or a word list is missing or malformed, a file to write has another suffix, is
            one that is read or the other one, or would replace a file that is no earlier result,
            the server does not answer, the corpus has no spans to compare with, or an extra is
            missing.
        TypeError: an override is not a setting.

    Examples:
        >>> print(select_spans("posts.jsonl", train="edos", output="spans.jsonl"))
        >>> debias("gpt2", forget="spans.jsonl", objective="ascent")
    """
    settings = merge_settings(settings or SelectSettings(), overrides)
    name = str(corpus)
    _check(name, settings, review=review is not None, score=score)
    corpora = [parse_name(each).corpus for each in (name, *corpus_names(settings.train))]
    read = filter(os.path.isfile, [*corpora, settings.lexicon])  # not a directory of such a name
    check_not_overwritten({"--output": output, "--review": review}, read)
    _check_suffix("--output", output, ".jsonl")
    _check_suffix("--review", review, ".html")
    check_replaceable("--output", output, is_spans_file)
    check_replaceable("--review", review, is_review_page)
    tally = _Tally(SpanScorer() if score else None, None if review is None else [])
    with _progress(name, settings) as advance:
        selector = make_selector(settings)
        if isinstance(selector, Llm):
            selector.progress = advance
        selected = tally.count(_select(name, selector, settings.processes))
        if output is not None:
            write_spans(selected, Path(output))
        else:
            deque(selected, maxlen=0)
    if isinstance(selector, Contrast) and (warning := selector.warn(tally.share)):
        show_message(f"Warning: {warning}.")
    if review is not None:
        write_review(tally.kept or [], Path(review), name)
    result = SelectionResult(
        corpus=name,
        method=settings.method,
        texts=tally.texts,
        texts_with_spans=tally.texts_with_spans,
        output=None if output is None else Path(output),
        review=None if review is None else Path(review),
        score=tally.scorer.score if tally.scorer else None,
    )
    if isinstance(selector, Contrast):
        return replace(
            result,
            train=settings.train,
            background=",".join(selector.background),
            threshold=selector.threshold,
            share_selected=tally.share,
            share_in_training=selector.usual_share,
        )
    if isinstance(selector, Llm):
        return replace(
            result,
            model=settings.model,
            unusable_answers=selector.unusable,
            refusal=selector.refusal or None,
        )
    return result


def estimate_cost(
    corpus: str | Path,
    *,
    input_price: float = 0.0,
    output_price: float = 0.0,
    review: str | Path | None = None,
    score: bool = False,
    settings: SelectSettings | None = None,
    **overrides: Any,
) -> CostEstimate:
    """Estimate the cost of `select_spans` with the method `llm`; nothing is sent or written.

    Args:
        corpus: as for `select_spans`.
        input_price: price of a million input tokens in dollars.
        output_price: price of a million output tokens in dollars.
        review: as for `select_spans`; checked, but not written.
        score: as for `select_spans`; checked, but not computed.
        settings: all settings. Default: `SelectSettings()`.
        **overrides: fields of `SelectSettings` as keywords; they take precedence over `settings`.

    Returns:
        The numbers of texts and tokens, and the cost if a price is given.

    Raises:
        InputError: the method is not `llm`, a price is negative or not finite, or `select_spans`
            would reject the arguments.
        TypeError: an override is not a setting.
    """
    settings = merge_settings(settings or SelectSettings(), overrides)
    name = str(corpus)
    _check(name, settings, review=review is not None, score=score, dry_run=True)
    _check_suffix("--review", review, ".html")
    for flag, price in (("--input_price", input_price), ("--output_price", output_price)):
        if not 0 <= price < math.inf:
            raise InputError(f"{flag} is {price:g}; it must be a number of dollars, at least 0")
    return Llm(settings).estimate(iter_corpus(name), input_price, output_price)


@dataclass(slots=True)
class _Tally:
    """Counts, scores and keeps the selected texts as they are yielded."""

    scorer: SpanScorer | None
    """Compares them with the spans of the corpus; None if that is not asked for."""
    kept: list[SelectedText] | None
    """The texts, if they are to be kept."""
    texts: int = 0
    texts_with_spans: int = 0
    _characters: int = field(default=0, init=False)
    _selected: int = field(default=0, init=False)

    def count(self, pairs: Iterable[tuple[Text, SelectedText]]) -> Iterator[SelectedText]:
        """Yield the selected text of each pair of `_select`."""
        for true, item in pairs:
            self.texts += 1
            self.texts_with_spans += bool(item.text.spans)
            self._characters += len(true.text)
            self._selected += sum(span.end - span.start for span in item.text.spans)
            if self.kept is not None:
                self.kept.append(item)
            if self.scorer:
                self.scorer.add(true, item)
            yield item

    @property
    def share(self) -> float:
        """Share of the characters that are selected."""
        return self._selected / max(1, self._characters)


def _check(
    corpus: str, settings: SelectSettings, *, review: bool, score: bool, dry_run: bool = False
) -> None:
    """Check what can be checked before the selection starts.

    Raises:
        InputError: a setting is out of range or belongs to another method, the corpus has no spans
            to compare with, or an extra is missing.
    """
    method, processes = settings.method, settings.processes
    if not 1 <= processes <= MAX_PROCESSES:
        raise InputError(f"--processes is {processes}; it must be between 1 and {MAX_PROCESSES}")
    if settings.concurrency < 1:
        raise InputError(f"--concurrency is {settings.concurrency}; it must be at least 1")
    if not 0 < settings.timeout < math.inf:
        raise InputError(
            f"--timeout is {settings.timeout}; it must be more than 0 seconds, and finite"
        )
    defaults = SelectSettings()
    given = [name for name in OWNERS if getattr(settings, name) != getattr(defaults, name)]
    needed = {name: OWNERS[name] for name in given} | ({"dry_run": LLM} if dry_run else {})
    for flag, owner in needed.items():
        if method != owner:
            raise InputError(f"--{flag} needs method {owner!r}; add --method {owner}")
    if review:
        check_report_extra()
    if processes > 1 and method == LLM:
        raise InputError(
            f"--processes has no effect on method {LLM!r}, which is parallel already; remove it"
        )
    if score and not any(text.spans for text in iter_corpus(corpus)):
        raise InputError(f"--score: corpus {corpus!r} has no spans to compare with; remove --score")


def _check_suffix(flag: str, path: str | Path | None, suffix: str) -> None:
    if path is not None and Path(path).suffix != suffix:
        raise InputError(f"{flag} {str(path)!r} does not end in {suffix}; choose a name that does")


def _select(corpus: str, selector: Selector, processes: int) -> Iterator[tuple[Text, SelectedText]]:
    """Yield each text of a corpus, as it is and with the selected spans."""
    texts, same = tee(iter_corpus(corpus))
    if processes > 1:
        items = select_in_parallel(texts, selector, mentions_of, processes=processes)
    else:
        items = select(texts, selector, mentions_of)
    yield from zip(same, items, strict=True)


def _progress(
    corpus: str, settings: SelectSettings
) -> AbstractContextManager[Callable[[int], None] | None]:
    """Return the progress bar of a method that takes long."""
    if settings.method != LLM:
        return nullcontext()
    return progress_bar("Selecting", sum(1 for _ in iter_corpus(corpus)))
