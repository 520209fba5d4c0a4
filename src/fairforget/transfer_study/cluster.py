"""Where the runs of a study run: one after the other here, or spread over a Ray cluster."""

from __future__ import annotations

import os
import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fairforget.errors import InputError
from fairforget.extras import require_extra
from fairforget.machine.allocator import keep_freed_memory
from fairforget.redaction import redact

ADDRESS = "RAY_ADDRESS"
SECONDS_TO_ANSWER = 10
Cluster = Literal["none", "ray"]
Task = Callable[[], None]
Attempts = Callable[[Sequence[Task]], Iterator[tuple[int, str | None]]]
"""Does tasks; yields the index of each that has ended, with the error if it failed. The tasks are
picklable, and independent of each other; their files lie where all machines see them."""


@contextmanager
def workers(cluster: Cluster, *, cpus: int = 1, gpus: float = 0.0) -> Iterator[Attempts]:
    """What does tasks, while the block lasts.

    Args:
        cluster: `ray` asks the cluster that RAY_ADDRESS names, or else starts one on this machine.
        cpus: of each task, on a cluster.
        gpus: likewise.

    Raises:
        InputError: ray is not installed, the cluster is not there, or this machine has less than a
            task takes.
    """
    if cpus < 1 or gpus < 0:
        raise InputError(
            f"cpus_per_run is {cpus} and gpus_per_run {gpus:g}; a run takes one core or more, and "
            "no GPU or more"
        )
    if cluster == "none":
        yield lambda tasks: ((index, attempt(task)) for index, task in enumerate(tasks))
        return
    ray = require_extra("ray", "cluster", "--cluster ray")
    _check_answers(os.environ.get(ADDRESS, ""))
    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    try:
        nodes: list[dict[str, Any]] = ray.nodes()
        _check_fits([node["Resources"] for node in nodes if node["Alive"]], cpus, gpus)
        yield partial(_over_ray, cpus=cpus, gpus=gpus)
    finally:
        ray.shutdown()


def attempt(task: Task) -> str | None:
    """Do a task; the error if it failed, in one line where the user can mend it."""
    try:
        task()
    except InputError as error:
        return str(error)
    except Exception:
        return redact(traceback.format_exc())
    return None


def _attempt_in_worker(task: Task, directory: str) -> str | None:
    keep_freed_memory()
    try:
        os.chdir(directory)  # to which paths are relative
    except OSError as error:
        return f"{directory} is not on this machine: {error.strerror}"
    return attempt(task)


def _over_ray(tasks: Sequence[Task], *, cpus: int, gpus: float) -> Iterator[tuple[int, str | None]]:
    import ray

    remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_attempt_in_worker)
    here = str(Path.cwd())
    waiting = {remote.remote(task, here): index for index, task in enumerate(tasks)}
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        index = waiting.pop(done)
        try:
            yield index, ray.get(done)
        except ray.exceptions.RayError as error:  # the worker died
            yield index, " ".join(str(error).split())


def _check_answers(address: str) -> None:
    """Tell at once of a cluster that is not there: Ray would ask for minutes.

    Raises:
        InputError: nothing answers at the host and port.
    """
    if not (place := re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address)):
        return
    try:
        socket.create_connection((place[1], int(place[2])), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"{ADDRESS} is {address!r}, and nothing answers there ({error}); start a cluster with "
            "ray start, or unset it"
        ) from error


def _check_fits(machines: Sequence[Mapping[str, float]], cpus: int, gpus: float) -> None:
    """Tell of tasks that no machine can take; a cluster of one's own may still grow.

    Raises:
        InputError: they would wait for ever on the machine that this is.
    """
    if any(its.get("CPU", 0) >= cpus and its.get("GPU", 0) >= gpus for its in machines):
        return
    most = {kind: max((its.get(kind, 0) for its in machines), default=0) for kind in ("CPU", "GPU")}
    fault = (
        f"no machine has what a run takes (cpus_per_run {cpus}, gpus_per_run {gpus:g}): the "
        f"largest has {most['CPU']:g} CPUs and {most['GPU']:g} GPUs"
    )
    if ADDRESS not in os.environ:
        raise InputError(f"{fault}; ask for less, or set {ADDRESS} to a larger cluster")
    print(f"Waiting: {fault} yet", file=sys.stderr)
