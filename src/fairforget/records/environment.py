"""What a run ran on."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """What the run ran on."""

    fairforget: str
    torch: str
    transformers: str
    python: str
    device: str
    processes: int = 1
    # what follows is empty, or 0, in records from before it was written
    accelerate: str = ""
    tokenizers: str = ""
    numpy: str = ""
    peft: str = ""
    """Empty where it is not installed, too."""
    threads: int = 0
    """That torch computes with, in each process."""
    processor: str = ""
    """The name of what computed: a CPU or an accelerator."""


def environment(device: str, processes: int = 1) -> Environment:
    """The versions in use, and what they run on."""
    import torch  # which records are read without

    return Environment(
        fairforget=version("fairforget"),
        torch=version("torch"),
        transformers=version("transformers"),
        python=platform.python_version(),
        device=device,
        processes=processes,
        accelerate=_version("accelerate"),
        tokenizers=_version("tokenizers"),
        numpy=_version("numpy"),
        peft=_version("peft"),
        threads=torch.get_num_threads(),
        processor=processor(device),
    )


def processor(device: str) -> str:
    """The name of a device: that of the accelerator, else of the CPU as far as it is known."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
