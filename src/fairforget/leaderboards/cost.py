"""What a method costs: time and memory to apply it, and time to use the result."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from fairforget.machine.allocator import return_freed_memory
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Linux reports the peak memory of a process in the first, and resets it through the second."""
REPEATS = 5


@dataclass
class Cost:
    """Filled at the end of `measure_cost`."""

    seconds: float = 0.0
    peak_memory: int | None = None
    """Bytes: of the GPU if the model is on one, else of this process; None if not reported."""


@contextmanager
def measure_cost(device: torch.device, *, apart_from: Iterable[Tensor] = ()) -> Iterator[Cost]:
    """Measure wall-clock time and peak memory within the context.

    Args:
        device: of the model.
        apart_from: tensors that do not count, because the method does not need them; those that are
            not in the memory that is measured are ignored.
    """
    cost = Cost()
    on_gpu = device.type == "cuda"
    measured = "cuda" if on_gpu else "cpu"
    others = {t.data_ptr(): t.nbytes for t in apart_from if t.device.type == measured}
    gc.collect()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
        was_reset = True
    else:
        return_freed_memory()
        was_reset = _reset_peak()
    start = time.perf_counter()
    yield cost
    cost.seconds = round(time.perf_counter() - start, 2)
    peak = torch.cuda.max_memory_allocated(device) if on_gpu else _peak()
    if was_reset and peak is not None:
        cost.peak_memory = peak - sum(others.values())


def slowdown(original: LanguageModel, debiased: LanguageModel, texts: Sequence[list[int]]) -> float:
    """Return the time to score some texts with the debiased model ÷ with the original.

    Both are timed in turn, so that what else the machine does falls on both alike; the result is
    the median of the ratios.

    Args:
        original: the model without the method.
        debiased: the model with it.
        texts: token ids of each text, with the start token.
    """
    for language_model in (original, debiased):  # what is done once for a model
        perplexity(language_model, texts)
    pairs = [[_seconds(it, texts) for it in (original, debiased)] for _ in range(REPEATS)]
    return median(after / before for before, after in pairs)


def _seconds(language_model: LanguageModel, texts: Sequence[list[int]]) -> float:
    start = time.perf_counter()
    perplexity(language_model, texts)
    return time.perf_counter() - start


def _reset_peak() -> bool:
    """Set the peak to the memory in use; return whether that is possible."""
    try:
        RESET.write_text("5")
    except OSError:  # not Linux, or not permitted in a container
        return False
    return True


def _peak() -> int | None:
    if not STATUS.exists():
        return None
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else 1024 * int(kilobytes)
