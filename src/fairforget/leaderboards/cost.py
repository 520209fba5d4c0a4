"""What a method costs: time and memory to apply it, and time to use the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Linux reports the peak memory of a process in the first, and resets it through the second."""
REPEATS = 3


@dataclass
class Cost:
    """Filled at the end of `measure_cost`."""

    seconds: float = 0.0
    peak_memory: int | None = None
    """Bytes: of the GPU if the model is on one, else of this process; None if not reported."""


@contextmanager
def measure_cost(device: torch.device) -> Iterator[Cost]:
    """Measure wall-clock time and peak memory within the context."""
    cost = Cost()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _reset_peak()
    start = time.perf_counter()
    yield cost
    cost.seconds = round(time.perf_counter() - start, 2)
    if device.type == "cuda":
        cost.peak_memory = torch.cuda.max_memory_allocated(device)
    else:
        cost.peak_memory = _peak()


def scoring_seconds(language_model: LanguageModel, texts: Sequence[list[int]]) -> float:
    """Return the median time to score some texts, in seconds.

    Args:
        language_model: the model.
        texts: token ids of each text, with the start token.
    """
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        perplexity(language_model, texts)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def _reset_peak() -> None:
    if RESET.exists():
        try:
            RESET.write_text("5")
        except OSError:  # not permitted in some containers
            return


def _peak() -> int | None:
    if not STATUS.exists():
        return None
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else 1024 * int(kilobytes)
