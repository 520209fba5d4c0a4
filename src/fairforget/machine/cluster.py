"""Execute the runs of a study or a leaderboard: in turn in this process, or on a Ray cluster."""

from __future__ import annotations

import os
import re
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra
from fairforget.machine.allocator import keep_freed_memory
from fairforget.machine.devices import release_memory, select_device
from fairforget.redaction import redact
from fairforget.settings import ClusterSettings
from fairforget.terminal.messages import print_stderr

ADDRESS = "RAY_ADDRESS"
LOCAL = ("", "local")
"""Addresses of a cluster that starts on this machine."""
CONNECT_TIMEOUT = 10
"""Seconds to wait for the cluster to answer."""
Cluster = Literal["none", "ray"]
Task = Callable[[], None]
Attempts = Callable[[Sequence[Task]], Iterator[tuple[int, str | None]]]
"""Runs tasks, and yields the index of each as it ends, with its error if it failed. Tasks must be
picklable and independent; their files must be visible to all machines."""


@contextmanager
def workers(
    cluster: Cluster, *, cpus: int = 1, gpus: float = 0.0, device: str = "cpu"
) -> Iterator[Attempts]:
    """A context with a function that runs tasks.

    Args:
        cluster: `ray` uses the cluster that this process has joined or the one at RAY_ADDRESS, or
            starts one on this machine; `none` runs the tasks in this process.
        cpus: CPU cores per task, on a cluster.
        gpus: GPUs per task, on a cluster.
        device: what the tasks run on; a task on a cluster sees no more GPUs than it asks for.

    Raises:
        InputError: ray is not installed, the cluster does not answer or cannot be used, the device
            has an index, the tasks run on a GPU but ask for none or the reverse, this machine has
            fewer cores or GPUs than a task needs, or cores or GPUs are set without a cluster.
    """
    if cpus < 1 or gpus < 0:
        raise InputError(
            f"cpus_per_run is {cpus} and gpus_per_run is {gpus:g}; set cpus_per_run to at least 1 "
            "and gpus_per_run to at least 0"
        )
    if cluster == "none":
        for name, value in (("cpus_per_run", cpus), ("gpus_per_run", gpus)):
            if value != getattr(ClusterSettings, name):
                raise InputError(f"{name} has no effect without --cluster ray; add it, or omit it")
        yield lambda tasks: ((index, attempt(task)) for index, task in enumerate(tasks))
        return
    chosen = select_device(device)
    if not gpus and chosen.type == "cuda":
        raise InputError(
            "--cluster ray on a machine with GPUs needs --gpus_per_run, such as 1, or --device cpu"
        )
    if gpus and chosen.type == "cpu":
        raise InputError(
            "--gpus_per_run has no effect, because the runs use the CPU, as this machine does; "
            "start the command on a machine with a GPU, or omit --gpus_per_run"
        )
    if chosen.index is not None:
        raise InputError(
            f"--device {device} names one device, but --cluster ray chooses it for each run; give "
            f"--device {device.partition(':')[0]}"
        )
    ray = require_extra("ray", "cluster", "--cluster ray")
    joined = ray.is_initialized()  # by the caller
    address = os.environ.get(ADDRESS, "")
    _check_reachable(address)
    try:
        ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise _no_cluster(address, error) from error
    except RuntimeError as error:  # it has another version of Ray or Python
        message = " ".join(str(error).split())
        raise InputError(f"the Ray cluster cannot be used: {message}") from error
    try:
        nodes: list[dict[str, Any]] = ray.nodes()
        _check_resources([node["Resources"] for node in nodes if node["Alive"]], cpus, gpus)
        yield partial(_over_ray, cpus=cpus, gpus=gpus)
    finally:
        if not joined:
            ray.shutdown()


def attempt(task: Task) -> str | None:
    """Run a task; returns its error if it failed: one line for an `InputError`, or a traceback."""
    failure = None
    try:
        task()
    except InputError as error:
        failure = str(error)
    except Exception:
        failure = redact(traceback.format_exc())
    if failure:
        release_memory()  # the models of the task are in reference cycles
    return failure


def _attempt_in_worker(task: Task, directory: str) -> str | None:
    keep_freed_memory()
    try:
        os.chdir(directory)  # relative paths start here
    except OSError as error:
        return f"{directory} is not on this machine: {error.strerror}"
    return attempt(task)


def _over_ray(tasks: Sequence[Task], *, cpus: int, gpus: float) -> Iterator[tuple[int, str | None]]:
    import ray

    remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_attempt_in_worker)
    directory = str(Path.cwd())
    pending = {remote.remote(task, directory): index for index, task in enumerate(tasks)}
    try:
        while pending:
            (ended,), _ = ray.wait(list(pending), num_returns=1)
            index = pending.pop(ended)
            try:
                yield index, ray.get(ended)
            except ray.exceptions.RayError as error:  # the worker died
                yield index, " ".join(str(error).split())
    finally:  # after an interruption, on a cluster that goes on
        for task in pending:
            ray.cancel(task, force=True)


def _check_reachable(address: str) -> None:
    """Check that the cluster answers, because Ray would retry for minutes.

    Raises:
        InputError: nothing answers at the host and port.
    """
    if not (match := re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address)):
        return
    try:
        socket.create_connection((match[1], int(match[2])), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    return InputError(
        f"{ADDRESS} is {address!r}, but no cluster answers there ({first_line(error)}); start a "
        "cluster with ray start, or unset it"
    )


def _check_resources(nodes: Sequence[Mapping[str, float]], cpus: int, gpus: float) -> None:
    """Check that a node has the resources of a task; a cluster at RAY_ADDRESS may still grow.

    Raises:
        InputError: the tasks would wait forever on this machine.
    """
    if any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        return
    most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")}
    message = (
        f"no machine has the resources of a run (cpus_per_run {cpus}, gpus_per_run {gpus:g}): the "
        f"largest has {most['CPU']:g} CPUs and {most['GPU']:g} GPUs"
    )
    if os.environ.get(ADDRESS, "") in LOCAL:
        raise InputError(f"{message}; lower them, or set {ADDRESS} to a larger cluster")
    print_stderr(f"Waiting: {message}")
