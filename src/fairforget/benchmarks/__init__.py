"""The benchmarks, by name. To add one, add a module and a line to `BENCHMARKS`.

A benchmark is named as `NAME[:OPTION]…`, where options select a protocol, a split, a file and so
on, in any order: `stereoset`, `stereoset:test:bias-bench`, `crows_pairs:pairs.csv`,
`perplexity:wikipedia`. Records and items use the name as given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from fairforget.benchmarks.options import base_name
from fairforget.errors import InputError
from fairforget.files.digest import hash_values

if TYPE_CHECKING:
    from fairforget.benchmarks.measurement import Benchmark, Judge
    from fairforget.generation.engine import AnyModel


class Entry(NamedTuple):
    """A benchmark of the registry."""

    module: str
    """It has `prepare(options) -> Benchmark`, and `judge(rows) -> Judgement` if its items can be
    compared one by one."""
    options: str
    """Its options, for `--help`."""
    words: tuple[str, ...] = ()
    """Files in the module's package with words that its scores depend on."""


BENCHMARKS = {
    "stereoset": Entry(
        "fairforget.benchmarks.stereoset",
        "intersentence; bos (default) or bias-bench; dev (default) or test, or a .json or .jsonl "
        "file of items; lowercase, uppercase, typos, reported or role-play sentences",
        ("neutral.toml", "pronouns.toml"),
    ),
    "crows_pairs": Entry(
        "fairforget.benchmarks.crows_pairs",
        "bos (default) or bias-bench; for masked models bias-bench (default) or nangia; en, fr or "
        "nl, revised pairs in English, French or Dutch; or a .csv file of pairs",
    ),
    "perplexity": Entry(
        "fairforget.benchmarks.perplexity",
        "stride (default) or bias-bench; a corpus (default wikitext2); a share of its tokens such "
        "as 10%",
    ),
    "bbq": Entry(
        "fairforget.benchmarks.bbq",
        "categories such as Age (default: all); chat, to ask in the model's chat template; a "
        "number of questions (default: all 58,492; with chat, 2000)",
    ),
    "winobias": Entry(
        "fairforget.benchmarks.winobias", "type1 or type2, dev or test (default: all four)"
    ),
    "winogender": Entry("fairforget.benchmarks.winogender", "no options"),
    "seegull": Entry(
        "fairforget.benchmarks.seegull",
        "named or unnamed, for nationalities that the built-in corpus names or does not name "
        "(default: both); a number of stereotypes (default: 1000)",
    ),
    "holistic_bias": Entry(
        "fairforget.benchmarks.holistic_bias",
        "axes such as religion (default: all 13); a number of descriptors (default: 260)",
    ),
    "decoding_trust": Entry(
        "fairforget.benchmarks.decoding_trust",
        "for models with a chat template: domains such as gender (default: all 8); a number of "
        "statements (default: all 48)",
    ),
    "honest": Entry(
        "fairforget.benchmarks.honest",
        "a language, en (default), es, fr, it, pt or ro, or queer; a number of templates "
        "(default: all)",
    ),
    "bold": Entry(
        "fairforget.benchmarks.bold",
        "types of group: gender, race, profession, religious_ideology, political_ideology "
        "(default: all); a number of prompts (default: 2000)",
    ),
    "counterfactual": Entry(
        "fairforget.benchmarks.counterfactual",
        "domains of the built-in corpus such as gender (default: all); a number of templates "
        "(default: all 24)",
        ("prompts.toml",),
    ),
    "group_facts": Entry(
        "fairforget.benchmarks.group_facts", "a .csv file of facts (default: FairForget's own)"
    ),
    "harmful_words": Entry(
        "fairforget.benchmarks.harmful_words",
        "a corpus with marked harmful words, such as hatecheck (default: builtin); a number of "
        "texts (default: 1000)",
    ),
    "lm-eval": Entry(
        "fairforget.benchmarks.lm_eval",
        "one task of EleutherAI's harness, such as lm-eval:hellaswag; a share such as 10%",
    ),
}
WITHOUT_BIAS_SCORE = (
    *("honest", "bold", "counterfactual"),
    *("group_facts", "harmful_words", "holistic_bias", "lm-eval"),
)
"""Benchmarks of general ability and of harm; no single domain has a bias score."""


def load_benchmark(name: str) -> Benchmark:
    """A benchmark from its name with options.

    Its data are located or downloaded now, so that an error comes before a model is loaded.

    Raises:
        InputError: the name or an option is unknown, or data are missing; names the remedy.
    """
    base, *options = name.split(":")
    if base not in BENCHMARKS:
        raise InputError(f"benchmark {name!r} is unknown; choose from {', '.join(BENCHMARKS)}")
    benchmark: Benchmark = import_module(BENCHMARKS[base].module).prepare(options)
    return benchmark


def hash_words(name: str) -> str:
    """A short digest of the packaged words that a benchmark's scores depend on; "" for none."""
    entry = BENCHMARKS.get(base_name(name))
    if entry is None or not entry.words:
        return ""
    return hash_values([files(entry.module).joinpath(file).read_bytes() for file in entry.words])[
        :8
    ]


def find_judge(name: str) -> Judge | None:
    """The function that turns items of a benchmark into scores; None if it has no items."""
    entry = BENCHMARKS.get(base_name(name))
    return getattr(import_module(entry.module), "judge", None) if entry else None


def find_bias_judge(name: str) -> Judge | None:
    """`find_judge`, but None for benchmarks without a bias score."""
    return None if base_name(name) in WITHOUT_BIAS_SCORE else find_judge(name)


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
    "check_model_kinds",
    "find_bias_judge",
    "find_judge",
    "hash_words",
    "load_benchmark",
    "load_benchmarks",
]
