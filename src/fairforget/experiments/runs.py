"""Execute the unfinished runs of a study or a leaderboard."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TypeVar

from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.registry import BENCHMARKS
from fairforget.errors import InputError
from fairforget.machine.cluster import Attempts, workers
from fairforget.machine.devices import select_device
from fairforget.records.environment import installed_version
from fairforget.records.paths import RECORD
from fairforget.records.store import read_finished
from fairforget.settings import ClusterSettings, ModelSettings
from fairforget.terminal.messages import count_of, print_stderr
from fairforget.terminal.progress import progress_bar

NO_RECORD = "its record is not in {}; give an --output that all machines share"
UNREADABLE = "its record or its items in {} cannot be read; remove this directory"
VERSIONS = {
    name: version(name) for name in ("fairforget", "torch", "transformers", "numpy", "scipy")
}
"""Package → its version, for those that all results depend on."""
Run = TypeVar("Run")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that ended in an error."""

    run: str
    error: str

    @property
    def summary(self) -> str:
        """The line that describes the error: the first after a traceback, else the last, or ""."""
        lines = [*filter(str.strip, self.error.splitlines())]
        frames = [n for n, line in enumerate(lines) if line.startswith('  File "')]
        if frames:  # a message may have several lines
            return next((line for line in lines[frames[-1] :] if not line.startswith(" ")), "")
        return next(reversed(lines), "")


def benchmark_versions(benchmarks: Iterable[str]) -> dict[str, str]:
    """Return package → its version, for those that only the scores of some benchmarks depend on.

    Args:
        benchmarks: with options; one that is unknown has no package.
    """
    entries = [BENCHMARKS.get(base_name(name)) for name in benchmarks]
    packages = sorted({entry.package for entry in entries if entry and entry.package})
    return {package: installed_version(package) for package in packages}


def name_directory(words: Iterable[str], digest: str) -> str:
    """Return the name of a run's directory: readable, and as unique as the digest.

    Args:
        words: what the run is about.
        digest: a hash of everything that its result depends on.
    """
    plain = "-".join(re.sub(r"[^\w.]+", "_", word) for word in words)
    return f"{plain[:80]}-{digest[:12]}"


def check_name(directory: Path, name: str, command: str) -> None:
    """Check that a run does here what it was planned to do, maybe on another machine.

    Args:
        directory: of the run, named where it was planned.
        name: what its directory would be called if it were planned here.
        command: what planned it, for the message.

    Raises:
        InputError: the names differ.
    """
    if directory.name != name:
        raise InputError(
            f"{platform.node()} differs from the machine that started the {command} in its model, "
            "texts, benchmark files, kind of device or library versions; make them the same"
        )


def find_device(settings: ModelSettings) -> str:
    """Return the kind of device, which runs on other machines must also use."""
    return settings.device or select_device(None).type


def start_workers(settings: ClusterSettings, device: str) -> AbstractContextManager[Attempts]:
    """Return the `workers` that the settings ask for."""
    return workers(
        settings.cluster, cpus=settings.cpus_per_run, gpus=settings.gpus_per_run, device=device
    )


def do_runs(
    directories: Mapping[Run, Path],
    do: Callable[[Run, Path], None],
    read: Callable[[Path], Result],
    attempted: Attempts,
    *,
    stages: Callable[[Sequence[Run]], Sequence[Sequence[Run]]] = lambda runs: [runs],
) -> tuple[dict[Run, Result], list[Failure]]:
    """Execute the unfinished runs; return the results of all finished runs, and the failures.

    Args:
        directories: run → its directory, for all runs, in order.
        do: executes a run in its directory; picklable.
        read: returns the result of a finished run, as for `read_finished`.
        attempted: runs tasks, from `fairforget.machine.cluster.workers`.
        stages: groups runs into stages; a stage starts when the one before it has ended.

    Raises:
        InputError: all runs failed, the first because of its input.
        RuntimeError: all runs failed, the first with an unexpected error.
    """
    start = time.perf_counter()
    known = {run: read_finished(path, read) for run, path in directories.items()}
    finished = {run: result for run, result in known.items() if result is not None}
    pending = [run for run in directories if run not in finished]
    failed = []

    def attempt_stage(stage: Sequence[Run]) -> Iterator[tuple[Run, str | None]]:
        tasks = [partial(do, run, directories[run]) for run in stage]
        return ((stage[index], error) for index, error in attempted(tasks))

    label = f"Runs ({len(finished)} finished before)" if finished else "Runs"
    with progress_bar(label, len(pending)) as advance:
        for run, error in chain.from_iterable(map(attempt_stage, stages(pending))):
            name = directories[run].name
            result = None if error else read_finished(directories[run], read)
            if result is not None:
                finished[run] = result
                message = f"Done: {name}"
            else:
                missing = UNREADABLE if (directories[run] / RECORD).exists() else NO_RECORD
                failed.append(Failure(name, error or missing.format(directories[run])))
                message = f"Run {name} failed: {failed[-1].error}"
            advance(1, name)
            print_stderr(message)
    print_stderr(f"{count_of(len(pending), 'run')}: {time.perf_counter() - start:.0f} s")
    if not finished:
        first = failed[0]
        message = f"all {len(failed)} runs failed; the first, {first.run}: {first.summary}"
        raise (RuntimeError if "Traceback (most" in first.error else InputError)(message)
    return finished, failed
