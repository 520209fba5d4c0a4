"""Clients of OpenAI-compatible servers, such as vLLM, llama.cpp or `transformers serve`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra

KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
"""Environment variables with the API key and the address."""
OPENAI_URL = "https://api.openai.com/v1"
EXAMPLE = "http://127.0.0.1:8000/v1"
CONNECT_SECONDS = 10.0
"""Timeout for a connection, after which a server counts as unreachable."""

Task = TypeVar("Task")
Result = TypeVar("Result")


def connect(url: str | None, *, what: str, option: str, timeout: float, retries: int) -> Any:
    """Create a client for an OpenAI-compatible server.

    Args:
        url: address of the server. Default: `$OPENAI_BASE_URL`, else OpenAI's.
        what: what needs the server, for messages.
        option: the option with the address, for messages.
        timeout: timeout of a request in seconds.
        retries: maximum number of retries of a failed request, with exponential backoff.

    Returns:
        An `openai.OpenAI`.

    Raises:
        InputError: openai is not installed, there is neither a key nor an address, or the address
            is not valid.
    """
    openai = require_extra("openai", "llm", what)
    source, url = (option, url) if url else (BASE_URL, os.environ.get(BASE_URL) or None)
    key = os.environ.get(KEY)
    if not key and not url:
        raise InputError(
            f"{what} needs a server: set {KEY} for OpenAI's, or give an address with {option}, "
            f"such as {EXAMPLE}"
        )
    if url and not url.lower().startswith(("http://", "https://")):
        raise InputError(
            f"{source} {url!r} does not start with http:// or https://; give an address such as "
            f"{EXAMPLE}"
        )
    try:
        return openai.OpenAI(
            api_key=key or "none",
            base_url=url or OPENAI_URL,  # otherwise it uses the variable, even if that is empty
            timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            max_retries=retries,
        )
    except Exception as error:  # of openai's HTTP library
        raise InputError(
            f"{source} {url!r} is not a valid address ({first_line(error)}); give one such as "
            f"{EXAMPLE}"
        ) from None  # the cause may contain the key


def map_parallel(
    call: Callable[[Task], Result], tasks: Sequence[Task], concurrency: int
) -> Iterator[tuple[int, Result]]:
    """Yield the index and the result of each task as it finishes; calls run in threads.

    The first error of a call is raised. After that, or if the caller stops, no further call
    starts, and nothing waits for those that run: an interrupted command ends at once.
    """
    waiting: SimpleQueue[tuple[int, Task]] = SimpleQueue()
    finished: SimpleQueue[tuple[int, Result | None, BaseException | None]] = SimpleQueue()
    stopped = Event()

    def work() -> None:
        while not stopped.is_set():
            try:
                index, task = waiting.get_nowait()
            except Empty:
                return
            try:
                finished.put((index, call(task), None))
            except BaseException as error:
                stopped.set()
                finished.put((index, None, error))

    for one in enumerate(tasks):
        waiting.put(one)
    for _ in range(min(concurrency, len(tasks))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in tasks:
            index, result, error = finished.get()
            if error is not None:
                raise error
            yield index, result  # type: ignore[misc]  # there is no error, so it is a result
    finally:
        stopped.set()
