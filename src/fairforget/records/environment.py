"""Versions and hardware of a run."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """Versions and hardware of a run."""

    fairforget: str
    torch: str
    transformers: str
    python: str
    device: str
    processes: int = 1
    # the fields below are empty, or 0, in older records
    accelerate: str = ""
    tokenizers: str = ""
    numpy: str = ""
    peft: str = ""
    """Also empty if peft is not installed."""
    threads: int = 0
    """Threads of torch in each process."""
    processor: str = ""
    """Name of the CPU or the accelerator."""


SCORED_WITH = ("fairforget", "torch", "transformers", "tokenizers", "numpy")
"""Packages on whose versions scores can depend."""


def find_differences(old: Environment, new: Environment) -> dict[str, tuple[str, str]]:
    """Return what scores can depend on and two environments differ in: name → both values.

    These are the versions of `SCORED_WITH`, as far as both are recorded, and the kind of device.
    """
    known, current = scored_with(old), scored_with(new)
    pairs = {name: (value, current[name]) for name, value in known.items()}
    return {name: pair for name, pair in pairs.items() if all(pair) and pair[0] != pair[1]}


def scored_with(used: Environment) -> dict[str, str]:
    """Return what scores can depend on: the versions of `SCORED_WITH`, and the kind of device."""
    versions = {name: getattr(used, name) for name in SCORED_WITH}
    return versions | {"device": used.device.partition(":")[0]}


def environment(device: str, processes: int = 1) -> Environment:
    """Return the installed versions and the hardware."""
    import torch  # slow to import, and not needed to read records

    return Environment(
        fairforget=version("fairforget"),
        torch=version("torch"),
        transformers=version("transformers"),
        python=platform.python_version(),
        device=device,
        processes=processes,
        accelerate=installed_version("accelerate"),
        tokenizers=installed_version("tokenizers"),
        numpy=installed_version("numpy"),
        peft=installed_version("peft"),
        threads=torch.get_num_threads(),
        processor=processor(device),
    )


def processor(device: str) -> str:
    """Return the name of an accelerator, or of the CPU as far as the system knows it."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed_version(package: str) -> str:
    """Return the version of a package; empty if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
