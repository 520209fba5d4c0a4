"""Keep continuations on disk as they are written, so that an interrupted evaluation can resume."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from fairforget.files.digest import hash_values
from fairforget.generation.decoding import Continuation, Decoding
from fairforget.machine.processes import process_count, process_rank
from fairforget.scoring.progress import NotedProgress
from fairforget.terminal.messages import show_message

R = TypeVar("R")
Batches = Generator[Sequence[tuple[int, Continuation]], None, None]
"""Finished continuations, a batch at a time, each with the index of its request."""


@dataclass(frozen=True, slots=True)
class _Line:
    key: str
    """Digest of the model and the request."""
    continuation: Continuation


class Journal:
    """Continuations in files, one JSON object per line; each process appends to its own file.

    Lines are looked up by a digest of the model and the request. Lines of other models or settings,
    and damaged ones, are ignored.
    """

    def __init__(self, directory: Path, model: object) -> None:
        """Read the files of all processes, also of another number of processes.

        Args:
            directory: where the files are.
            model: what identifies the model, as `hash_values` accepts it.
        """
        self._path = directory / f"{process_rank()}.jsonl"
        self._model = model
        files = sorted(directory.glob("*.jsonl"))
        self._continuations = {
            line.key: line.continuation for path in files for line in _read(path)
        }

    def find(self, request: object) -> Continuation | None:
        """Return what the model wrote for a request; None if it is not in the journal."""
        return self._continuations.get(self._key(request))

    def add(self, written: Iterable[tuple[object, Continuation]]) -> None:
        """Append requests with their continuations to this process's file, in one write."""
        lines = [json.dumps(asdict(_Line(self._key(request), c))) for request, c in written]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            # the line break comes first, so that these lines are intact after an incomplete one
            file.write("".join(f"\n{line}" for line in lines).encode())

    def _key(self, request: object) -> str:
        return hash_values([self._model, request])


_JOURNAL: ContextVar[Journal | None] = ContextVar("journal", default=None)


@contextmanager
def keep_continuations(directory: Path, model: object) -> Iterator[None]:
    """Within the block, reuse the continuations in a directory, and add new ones as they finish.

    It is a context manager so that benchmarks need not pass the journal on.

    Args:
        directory: of the journal; it is created when needed.
        model: what identifies the only model that generates text within the block.
    """
    token = _JOURNAL.set(Journal(directory, model))
    try:
        yield
    finally:
        _JOURNAL.reset(token)


def write_missing(
    requests: Sequence[R],
    decoding: Decoding,
    write: Callable[[list[R]], Batches],
    progress: NotedProgress | None = None,
) -> list[Continuation]:
    """Return the continuations of requests; those in the journal are not generated again.

    Args:
        requests: of this process. Each determines a continuation, given the model and the decoding.
            Equal requests are counted separately: each has its own continuation.
        decoding: of all requests; the number of draws does not matter.
        write: writes the continuations of the requests that it is given.
        progress: as in `generation.engine.generate`.
    """
    journal, settings = _JOURNAL.get(), replace(decoding, draws=1)
    counts: Counter[str] = Counter()
    keys: list[tuple[R, Decoding, int]] = []
    for request in requests:
        keys.append((request, settings, counts[repr(request)]))
        counts[repr(request)] += 1
    done: dict[int, Continuation] = {}
    if journal:
        found = [journal.find(key) for key in keys]
        done = {index: c for index, c in enumerate(found) if c is not None}
    missing = [index for index in range(len(requests)) if index not in done]
    if done:
        share = " of the first process" if process_count() > 1 else ""
        show_message(
            f"Note: reusing {len(done)} of {len(requests)} continuations{share} from an "
            "interrupted run"
        )
        if progress:
            progress(len(done), len(requests))
    start, tokens = time.perf_counter(), 0
    with closing(write([requests[index] for index in missing])) as batches:
        for batch in batches:
            written = {missing[index]: continuation for index, continuation in batch}
            if journal:
                journal.add((keys[i], c) for i, c in written.items())
            done |= written
            tokens += sum(c.tokens for c in written.values())
            if progress:
                speed = tokens / (time.perf_counter() - start)
                progress(len(written), len(requests), note=f"{speed:.0f} tokens/s")
    return [done[index] for index in range(len(requests))]


def _read(path: Path) -> Iterator[_Line]:
    """Yield the intact lines of a journal."""
    lines = TypeAdapter(_Line)
    for line in path.read_bytes().splitlines():
        try:
            yield lines.validate_json(line)
        except ValidationError:  # blank, or incomplete because the process was killed
            continue
