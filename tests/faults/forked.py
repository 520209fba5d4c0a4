"""Commands in forked processes: torch is imported once, and a kill costs no start-up.

Fork only from a process that has done no backward pass: `python -m tests.faults` is one.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests  # noqa: F401  # before the fork, not after each

import fairforget.card.metadata
import fairforget.debiasing.debias
import fairforget.evaluation.evaluate
import fairforget.generation.continuations
import fairforget.report.unlearning_page
import fairforget.selection
import fairforget.transfer_study.report.page
import fairforget.transfer_study.study  # noqa: F401
from fairforget.cli import main
from fairforget.corpora import overlap
from fairforget.models.loading import load_model
from fairforget.objectives.trait_words import list_trait_words
from tests.little_data import search_one_benchmark

WRITES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
"""Python's audit events that stand for a change of the disk, beside files opened to write."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    """Exit status; −9 if it was killed."""
    output: str
    """What it printed on stdout and stderr."""
    seconds: float


def warm_up(model: str) -> None:
    """Do once what each child would do again, and what makes no difference to a command."""
    load_model(model, device="cpu")  # compiles many regular expressions
    search_one_benchmark(pytest.MonkeyPatch())
    overlap.measure_overlaps("gender", [])  # reads it
    list_trait_words()
    for command in ([], ["unlearn"]):  # the parsers of all commands, and what parses one
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main([*command, "--help"])
    gc.collect()
    gc.freeze()


def forked(
    args: list[str],
    log: Path,
    *,
    kill_after: float | None = None,
    before: Callable[[], object] = lambda: None,
) -> Ended:
    """Run a command of fairforget in a child.

    Args:
        args: of the command line.
        log: file for what it prints.
        kill_after: seconds after which it is killed, if it still runs.
        before: called in the child before the command.
    """
    start = time.perf_counter()
    child = os.fork()
    if not child:
        _run(args, log, before)
    if kill_after is not None:
        while time.perf_counter() - start < kill_after:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.002)
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, log.read_text(errors="replace"), time.perf_counter() - start)


def kill_at_write(number: int) -> Callable[[], None]:
    """For `before`: the child kills itself just before its write of that number, from 1."""
    left = [number]

    def audit(event: str, details: tuple[Any, ...]) -> None:
        if _is_write(event, details):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.addaudithook(audit)


def count_writes(into: Path) -> Callable[[], None]:
    """For `before`: the number of writes goes to a file, one byte each."""
    file = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def audit(event: str, details: tuple[Any, ...]) -> None:
        if _is_write(event, details):
            os.write(file, b".")

    return lambda: sys.addaudithook(audit)


def _is_write(event: str, details: tuple[Any, ...]) -> bool:
    if event == "open":
        _, _, flags = details
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
    return event in WRITES


def _run(args: list[str], log: Path, before: Callable[[], object]) -> None:
    """The child; never returns."""
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        before()
        main(args)
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
