"""Where the runs of a study run: one after the other here, or spread over a Ray cluster."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from fairforget.allocator import keep_freed_memory
from fairforget.errors import InputError
from fairforget.redaction import redacted

Cluster = Literal["none", "ray"]
Task = Callable[[], None]


def attempted(
    tasks: Sequence[Task], *, cluster: Cluster, cpus: int = 1, gpus: float = 0.0
) -> Iterator[tuple[int, str | None]]:
    """Do tasks; yields the index of each that has ended, with the error if it failed.

    Args:
        tasks: picklable, and independent of each other; their files lie where all machines see
            them.
        cluster: `ray` asks the cluster that RAY_ADDRESS names, or else starts one on this machine.
        cpus: of each task, on a cluster.
        gpus: likewise.

    Raises:
        InputError: ray is not installed, or this machine has less than a task takes.
    """
    if cluster == "none":
        for index, task in enumerate(tasks):
            yield index, attempt(task)
        return
    yield from _over_ray(tasks, cpus, gpus)


def attempt(task: Task) -> str | None:
    """Do a task; the error if it failed, in one line where the user can mend it."""
    try:
        task()
    except InputError as error:
        return str(error)
    except Exception:
        return redacted(traceback.format_exc())
    return None


def _attempt_in_worker(task: Task) -> str | None:
    keep_freed_memory()
    return attempt(task)


def _over_ray(tasks: Sequence[Task], cpus: int, gpus: float) -> Iterator[tuple[int, str | None]]:
    try:
        import ray
    except ImportError as error:
        raise InputError("--cluster ray needs ray: pip install 'fairforget[cluster]'") from error
    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    try:
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        _check_fits([node["Resources"] for node in nodes if node["Alive"]], cpus, gpus)
        remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_attempt_in_worker)
        waiting = {remote.remote(task): index for index, task in enumerate(tasks)}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            index = waiting.pop(done)
            try:
                yield index, ray.get(done)
            except ray.exceptions.RayError as error:  # the worker died
                yield index, " ".join(str(error).split())
    finally:
        ray.shutdown()


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
    if "RAY_ADDRESS" not in os.environ:
        raise InputError(f"{fault}; ask for less, or set RAY_ADDRESS to a larger cluster")
    print(f"Waiting: {fault} yet", file=sys.stderr)
