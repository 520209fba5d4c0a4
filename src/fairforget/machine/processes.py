"""Several processes: who they are, and how they share work and all get the whole result."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

S = TypeVar("S")
T = TypeVar("T")


def map_distributed(
    score: Callable[[list[S]], list[T]],
    items: Sequence[S],
    *,
    key: Callable[[S], Sequence[int]],
) -> list[T]:
    """Score items, each process its share, and give every process all results in order.

    Every process must call it with the same items. Where torch's process group is not set up (one
    process; `accelerate launch` sets it up), it is `score(items)`.

    Args:
        score: items in, as many results out.
        items: whatever `score` takes.
        key: an item's token ids. Shares are cut from the sorted items, so that those with a
            common prefix stay together, and have about as many tokens each.
    """
    if not _several():
        return score(list(items))
    world, rank = dist.get_world_size(), dist.get_rank()
    keys = [tuple(key(item)) for item in items]
    order = sorted(range(len(items)), key=keys.__getitem__)
    done = np.cumsum([len(keys[i]) for i in order])
    edges = np.searchsorted(done, np.linspace(0, done[-1] if len(done) else 0, world + 1)[1:-1])
    bounds = [0, *edges.tolist(), len(order)]
    mine = order[bounds[rank] : bounds[rank + 1]]
    parts: list[Any] = [None] * world
    dist.all_gather_object(parts, score([items[i] for i in mine]))
    results: list[Any] = [None] * len(items)
    for index, result in zip(order, (r for part in parts for r in part), strict=True):
        results[index] = result
    return results


def join_process_group(*, cpu: bool = False) -> torch.device | None:
    """Join the process group where a launcher started several processes; this one's device.

    `accelerate launch` and `torchrun` say so in the environment. None where there is one process.

    Args:
        cpu: stay on CPUs, even where there are GPUs.
    """
    if not is_distributed_launch():
        return None
    from accelerate import PartialState

    atexit.register(_leave)  # a process that ends with the group's threads running may crash
    device: torch.device = PartialState(cpu=cpu or not torch.cuda.is_available()).device
    wait_for_all()  # one that had nothing to do and left would break the others' connecting
    return device


def is_distributed_launch() -> bool:
    """Whether a launcher started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def process_count() -> int:
    """The number of processes."""
    return dist.get_world_size() if _several() else 1


def is_first() -> bool:
    """Whether this process is the one that writes files and talks."""
    return not _several() or dist.get_rank() == 0


def broadcast_from_first(find: Callable[[], T]) -> T:
    """What the first process finds, on every one of them; all must call it.

    So they go the same way, even where a file can be read by one and not by another.
    """
    if not _several():
        return find()
    found: list[Any] = [find() if is_first() else None]
    dist.broadcast_object_list(found, 0)
    result: T = found[0]
    return result


def wait_for_all() -> None:
    """Go on when every process is here."""
    if _several():
        dist.barrier()


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
