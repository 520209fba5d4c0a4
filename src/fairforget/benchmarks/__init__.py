"""The benchmarks, by name. A new one is a file here and a line below.

A benchmark is named `NAME[:OPTION]…`: a protocol, a split, a file, whatever its module takes, in
any order: `stereoset`, `stereoset:test:bias-bench`, `crows_pairs:pairs.csv`,
`perplexity:wikipedia`.
The name as given is what the record and the items call it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from fairforget.errors import InputError

if TYPE_CHECKING:
    from fairforget.benchmarks.measurement import Benchmark, Judge
    from fairforget.models.language_model import LanguageModel


class Entry(NamedTuple):
    """A benchmark of the registry."""

    module: str
    """It has `prepare(options) -> Benchmark`, and `judge(rows) -> Judgement` if its items can be
    compared one by one."""
    options: str
    """Its options, for `--help`."""


BENCHMARKS = {
    "stereoset": Entry(
        "fairforget.benchmarks.stereoset",
        "intersentence; bos (default) or bias-bench; dev (default) or test, or a .json or .jsonl "
        "file of items",
    ),
    "crows_pairs": Entry(
        "fairforget.benchmarks.crows_pairs",
        "bos (default) or bias-bench; for masked models bias-bench (default) or nangia; a .csv "
        "file of pairs",
    ),
    "perplexity": Entry(
        "fairforget.benchmarks.perplexity",
        "stride (default) or bias-bench; a corpus (default wikitext2); a share of its tokens such "
        "as 10%",
    ),
    "bbq": Entry("fairforget.benchmarks.bbq", "categories such as Age (default: all)"),
    "lm-eval": Entry(
        "fairforget.benchmarks.lm_eval",
        "one task of EleutherAI's harness, such as lm-eval:hellaswag; a share such as 10%",
    ),
}
CAPABILITY_BENCHMARKS = ("lm-eval",)
"""Benchmarks that measure general ability, not bias."""


def load_benchmark(name: str) -> Benchmark:
    """The benchmark of that name, with the options in it.

    Its data are found, or fetched, now: what is missing is said before a model is loaded.

    Raises:
        InputError: there is none, an option is wrong, or data are missing; says what to do.
    """
    base, *options = name.split(":")
    if base not in BENCHMARKS:
        raise InputError(f"benchmark {name!r} is unknown; choose from {', '.join(BENCHMARKS)}")
    benchmark: Benchmark = import_module(BENCHMARKS[base].module).prepare(options)
    return benchmark


def find_judge(name: str) -> Judge | None:
    """How the items of a benchmark become verdicts and scores, if it has items."""
    entry = BENCHMARKS.get(name.partition(":")[0])
    return getattr(import_module(entry.module), "judge", None) if entry else None


def find_bias_judge(name: str) -> Judge | None:
    """The same, of a benchmark whose score has a value that means no bias."""
    return None if name.partition(":")[0] in CAPABILITY_BENCHMARKS else find_judge(name)


def load_benchmarks(
    names: Sequence[str], language_model: LanguageModel | None = None
) -> dict[str, Benchmark]:
    """The benchmarks by name, in the order given.

    Args:
        names: as `benchmark` takes them.
        language_model: what they shall measure, if it is loaded by now.

    Raises:
        InputError: as `benchmark`; one is named twice, or is not for a model of this kind.
    """
    found = {name: load_benchmark(name) for name in names}
    if len(found) < len(names):
        raise InputError(f"a benchmark is named twice in {', '.join(names)}")
    if language_model:
        check_model_kinds(found, language_model)
    return found


def check_model_kinds(benchmarks: Mapping[str, Benchmark], language_model: LanguageModel) -> None:
    """Tell, before any is measured, of a benchmark that cannot measure the model.

    Raises:
        InputError: one is not for a model of this kind.
    """
    for name, it in benchmarks.items():
        it.check(name, language_model)


__all__ = [
    "BENCHMARKS",
    "check_model_kinds",
    "find_bias_judge",
    "find_judge",
    "load_benchmark",
    "load_benchmarks",
]
