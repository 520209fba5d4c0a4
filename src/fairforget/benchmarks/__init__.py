"""The benchmarks, by name. To add one, see `registry.py`.

A benchmark is named as `NAME[:OPTION]…`, where options select a protocol, a split, a file and so
on, in any order: `stereoset`, `stereoset:test:bias-bench`, `crows_pairs:pairs.csv`,
`perplexity:wikipedia`. Records and items use the name as given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from fairforget.benchmarks.options import base_name, benchmark_names, has_default_items
from fairforget.benchmarks.registry import BENCHMARKS
from fairforget.errors import InputError
from fairforget.files.digest import hash_packaged

if TYPE_CHECKING:
    from fairforget.benchmarks.measurement import Benchmark, Judge
    from fairforget.generation.engine import AnyModel


def load_benchmark(name: str) -> Benchmark:
    """A benchmark from its name with options.

    Its data are located or downloaded now, so that an error comes before a model is loaded.

    Raises:
        InputError: the name or an option is unknown, or data are missing; names the remedy.
    """
    base, *options = name.split(":")
    if base not in BENCHMARKS:
        raise InputError(f"benchmark {name!r} is unknown; choose from {', '.join(BENCHMARKS)}")
    if "" in options:
        raise InputError(f"benchmark {name!r} has an empty option; remove the colon before it")
    benchmark: Benchmark = import_module(BENCHMARKS[base].module).prepare(options)
    return benchmark


def hash_words(name: str) -> str:
    """A short digest of the packaged files that a benchmark's scores depend on; "" for none."""
    entry = BENCHMARKS.get(base_name(name))
    if entry is None:
        return ""
    files = entry.words + (entry.items if has_default_items(name) else ())
    return hash_packaged("fairforget", files)[:8] if files else ""


def any_generates(names: Iterable[str]) -> bool:
    """Whether the scores of a benchmark depend on the generation settings or the chat template."""
    return any(BENCHMARKS[base_name(name)].generates for name in names)


def is_seeded(name: str) -> bool:
    """Whether the scores of a benchmark depend on the seed; False for an unknown one."""
    entry = BENCHMARKS.get(base_name(name))
    return entry is not None and entry.is_seeded


def find_judge(name: str) -> Judge | None:
    """The function that turns items of a benchmark into scores; None if it has no items."""
    entry = BENCHMARKS.get(base_name(name))
    return getattr(import_module(entry.module), "judge", None) if entry else None


def find_domain_judge(name: str) -> Judge | None:
    """`find_judge`, but None for benchmarks without a bias score in single domains."""
    entry = BENCHMARKS.get(base_name(name))
    return find_judge(name) if entry and entry.has_domain_bias_score else None


def load_benchmarks(
    names: Sequence[str], language_model: AnyModel | None = None
) -> dict[str, Benchmark]:
    """The benchmarks by name, in the order given.

    Args:
        names: with options, as for `load_benchmark`.
        language_model: if given, the benchmarks are checked against its kind.

    Raises:
        InputError: as for `load_benchmark`; or a benchmark is listed twice, or does not support the
            model.
    """
    benchmarks = {name: load_benchmark(name) for name in names}
    if len(benchmarks) < len(names):
        raise InputError(f"a benchmark is listed twice in {', '.join(names)}; list each once")
    if language_model:
        check_model_kinds(benchmarks, language_model)
    return benchmarks


def check_model_kinds(benchmarks: Mapping[str, Benchmark], language_model: AnyModel) -> None:
    """Check that all benchmarks support the kind of a model: causal, masked or served.

    Raises:
        InputError: one does not.
    """
    for name, benchmark in benchmarks.items():
        benchmark.check(name, language_model)


__all__ = [
    "BENCHMARKS",
    "any_generates",
    "benchmark_names",
    "check_model_kinds",
    "find_domain_judge",
    "find_judge",
    "hash_words",
    "is_seeded",
    "load_benchmark",
    "load_benchmarks",
]
