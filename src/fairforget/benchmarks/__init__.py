"""The benchmarks, by name. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol, cast

from fairforget.benchmarks.measurement import Measurement
from fairforget.errors import InputError
from fairforget.models import LanguageModel

BENCHMARKS = {
    "stereoset": "fairforget.benchmarks.stereoset",
}


class Evaluate(Protocol):
    """The `evaluate` function of a benchmark's module."""

    def __call__(
        self,
        language_model: LanguageModel,
        *,
        seed: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Measurement: ...


def benchmark(name: str) -> Evaluate:
    """The benchmark of that name.

    Raises:
        InputError: there is none; names those that there are.
    """
    if name not in BENCHMARKS:
        raise InputError(f"benchmark {name!r} is unknown; choose from {', '.join(BENCHMARKS)}")
    return cast(Evaluate, import_module(BENCHMARKS[name]).evaluate)


def checked(names: Sequence[str]) -> list[str]:
    """The names, if every one is known and none is there twice."""
    for name in names:
        benchmark(name)
    if len(set(names)) < len(names):
        raise InputError(f"a benchmark is named twice in {', '.join(names)}")
    return list(names)


__all__ = ["BENCHMARKS", "Measurement", "benchmark", "checked"]
