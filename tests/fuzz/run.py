"""Give a reader many inputs; count them, and say what was wrong with the first that was."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings

from fairforget.errors import MAX_CHARACTERS, InputError

from .bounds import bounded_time
from .targets import Files, Target


def fuzz(target: Target, inputs: int, *, start: int = 0) -> Counter[str]:
    """How many inputs were read and how many refused.

    Args:
        target: the reader.
        inputs: how many at most; a small space of inputs is used up before.
        start: of the generator of inputs.

    Raises:
        Exception: what the reader raised, other than InputError; the input is in its notes.
    """
    attempt, counts = attempts(target, inputs, start=start)
    with tempfile.TemporaryDirectory() as cache, _calm(cache):
        attempt()
    return counts


def attempts(
    target: Target, inputs: int, *, start: int = 0
) -> tuple[Callable[[], None], Counter[str]]:
    """The reader as a property that hypothesis can test, and where it counts."""
    counts: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(target.files())
    def attempt(files: Files) -> None:
        counts[tried(target, files)] += 1

    return attempt, counts


def tried(target: Target, files: Files) -> str:
    """`read`, or `refused` in one line of bounded length."""
    directory, refusal = Path(tempfile.mkdtemp()), None
    try:
        for name, content in files.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_bytes(content)
        with bounded_time():
            target.read(directory)
    except InputError as error:
        refusal = str(error)
    finally:
        shutil.rmtree(directory)
    if refusal is None:
        return "read"
    assert 0 < len(refusal) <= MAX_CHARACTERS + 100, refusal
    assert refusal.isprintable(), refusal
    return "refused"


@contextlib.contextmanager
def _calm(cache: str):  # type: ignore[no-untyped-def]
    with (
        mock.patch.dict(os.environ, {"FAIRFORGET_CACHE": cache, "HF_HUB_OFFLINE": "1"}),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        yield
