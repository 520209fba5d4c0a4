"""Run a selector in several processes, in order and in constant memory."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.selection.selected import (
    FindMentions,
    SelectedText,
    Selector,
    apply_selection,
    batches,
)

BATCHES_PER_PROCESS = 2
"""Batches that wait or run per process."""
_tools: tuple[Selector, FindMentions | None]


def select_in_parallel(
    texts: Iterable[Text],
    selector: Selector,
    find_mentions: FindMentions | None = None,
    *,
    processes: int,
) -> Iterator[SelectedText]:
    """Apply a selector as `select` does, in several processes.

    Args:
        texts: any number of texts.
        selector: a selector that can be pickled; each process receives it once.
        find_mentions: finds the mentions of texts without any.
        processes: number of worker processes, at least 1.

    Raises:
        InputError: a worker process ended unexpectedly.
    """
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_initialize, initargs=(selector, find_mentions)
    )
    pending: deque[Future[list[SelectedText]]] = deque()
    try:
        for batch in batches(texts):
            pending.append(pool.submit(_select, batch))
            if len(pending) > BATCHES_PER_PROCESS * processes:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process ended unexpectedly: if memory is short, lower --processes; in a "
            'script, guard the call with `if __name__ == "__main__":`'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _initialize(selector: Selector, find_mentions: FindMentions | None) -> None:
    """Set up a worker process."""
    global _tools
    _tools = selector, find_mentions
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the main process only


def _select(batch: list[Text]) -> list[SelectedText]:
    selector, find_mentions = _tools
    return apply_selection(batch, selector, find_mentions)
