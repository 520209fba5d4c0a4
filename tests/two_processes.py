"""Run a function in two processes that form torch's process group."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.multiprocessing as mp

PROCESSES = 2
LONGEST = 240
"""Seconds after which processes that hang are killed."""


def run_in_two(work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Call `work(*arguments)` in two fresh processes; what each returned, by rank."""
    context = mp.get_context("spawn")
    queue = context.Queue()
    with TemporaryDirectory() as directory:
        rendezvous = f"file://{Path(directory) / 'rendezvous'}"
        workers = [
            context.Process(target=_run, args=(rank, rendezvous, queue, work, arguments))
            for rank in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        answers: dict[int, Any] = {}
        ends = time.monotonic() + LONGEST
        while len(answers) < PROCESSES:
            try:
                answers.update([queue.get(timeout=1)])
            except Empty:
                failed = any(worker.exitcode for worker in workers)
                if failed or time.monotonic() > ends:  # one may wait for the other
                    for worker in workers:
                        worker.kill()
                    raise AssertionError("a process failed or hangs") from None
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
    return [answers[rank] for rank in range(PROCESSES)]


def _run(
    rank: int, rendezvous: str, queue: mp.Queue, work: Callable[..., Any], arguments: tuple
) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=rendezvous, rank=rank, world_size=PROCESSES
    )
    queue.put((rank, work(*arguments)))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
