"""Distribute work over several processes, and give each the complete results."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

from fairforget.errors import InputError

S = TypeVar("S")
T = TypeVar("T")


def map_distributed(
    score: Callable[[list[S]], list[T]],
    items: Sequence[S],
    *,
    key: Callable[[S], Sequence[int]],
) -> list[T]:
    """Score items in all processes, each a share of them; return all results to every process.

    Every process must call it with the same items. Without torch's process group (one process;
    `accelerate launch` sets up a group) it is `score(items)`.

    Args:
        score: maps items to one result each.
        items: the items.
        key: returns an item's token ids. Shares are cut from the sorted items, so that those with a
            common prefix stay together, and have about equally many tokens.

    Returns:
        The results, in the order of the items.
    """
    if not _is_distributed():
        return score(list(items))
    world, rank = dist.get_world_size(), dist.get_rank()
    keys = [tuple(key(item)) for item in items]
    order = sorted(range(len(items)), key=keys.__getitem__)
    tokens = np.cumsum([len(keys[i]) for i in order])
    total = tokens[-1] if len(tokens) else 0
    edges = np.searchsorted(tokens, np.linspace(0, total, world + 1)[1:-1])
    bounds = [0, *edges.tolist(), len(order)]
    share = order[bounds[rank] : bounds[rank + 1]]
    parts: list[Any] = [None] * world
    dist.all_gather_object(parts, score([items[i] for i in share]))
    results: list[Any] = [None] * len(items)
    for index, result in zip(order, (r for part in parts for r in part), strict=True):
        results[index] = result
    return results


def join_process_group(*, cpu: bool = False) -> torch.device | None:
    """Join the process group of `accelerate launch` or `torchrun`; return this process's device.

    Returns None if the launcher started only one process, or there is none.

    Args:
        cpu: use CPUs even if there are GPUs.
    """
    if not is_distributed_launch():
        return None
    from accelerate import PartialState

    atexit.register(_leave)  # exiting with the group's threads running may crash
    device: torch.device = PartialState(cpu=cpu or not torch.cuda.is_available()).device
    wait_for_all()  # an early exit of one process would break the others' connections
    return device


def is_distributed_launch() -> bool:
    """Whether a launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_no_launch(remedy: str = "") -> None:
    """Check that no launcher started this process as one of several.

    Args:
        remedy: another way to use several, for the message.

    Raises:
        InputError: a launcher did.
    """
    if is_distributed_launch():
        others = f"; {remedy}" if remedy else ""
        raise InputError(
            f"a launcher started {os.environ['WORLD_SIZE']} processes, but this runs in one; start "
            f"it without torchrun or accelerate launch{others}"
        )


def process_count() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if _is_distributed() else 1


def process_rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if _is_distributed() else 0


def is_first() -> bool:
    """Whether this is the main process, which writes files and messages."""
    return process_rank() == 0


def broadcast_from_first(compute: Callable[[], T]) -> T:
    """Compute a value in the main process and return it in every process; all must call it.

    All processes then take the same path, even if only some of them can read a file.
    """
    if not _is_distributed():
        return compute()
    values: list[Any] = [compute() if is_first() else None]
    dist.broadcast_object_list(values, 0)
    result: T = values[0]
    return result


def run_on_first(action: Callable[[], None]) -> None:
    """Do something in the main process only; all must call it.

    Raises:
        InputError: it was refused. Every process raises the error, so that none waits for another.
    """

    def refusal() -> InputError | None:
        try:
            action()
        except InputError as error:
            return error
        return None

    if error := broadcast_from_first(refusal):
        raise error


def wait_for_all() -> None:
    """Wait until every process has called this."""
    if _is_distributed():
        dist.barrier()


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
