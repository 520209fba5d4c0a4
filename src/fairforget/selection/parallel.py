"""Select with several processes: in order, and in constant memory however long the corpus is."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from fairforget.corpora.text import Text
from fairforget.selection.selected import (
    FindMentions,
    SelectedText,
    Selector,
    apply_selection,
    batches,
)

AHEAD = 2
"""Batches that are under way for each process."""
_tools: tuple[Selector, FindMentions | None]


def select_in_parallel(
    texts: Iterable[Text],
    selector: Selector,
    find_mentions: FindMentions | None = None,
    *,
    processes: int,
) -> Iterator[SelectedText]:
    """As `select`; for selectors that can be pickled, which those without a model can.

    Args:
        texts: any number.
        selector: goes to every process once.
        find_mentions: finds the mentions of a text whose corpus names none.
        processes: at least 1, beside this one, which reads and writes.
    """
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_begin, initargs=(selector, find_mentions)
    )
    waiting: deque[Future[list[SelectedText]]] = deque()
    try:
        for batch in batches(texts):
            waiting.append(pool.submit(_select, batch))
            if len(waiting) > AHEAD * processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(selector: Selector, find_mentions: FindMentions | None) -> None:
    """Once in each process."""
    global _tools
    _tools = selector, find_mentions
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes


def _select(batch: list[Text]) -> list[SelectedText]:
    selector, find_mentions = _tools
    return apply_selection(batch, selector, find_mentions)
