"""The options after a benchmark's name, as in `stereoset:test:bias-bench`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fairforget.benchmarks.registry import BENCHMARKS
from fairforget.errors import InputError
from fairforget.files.digest import hash_values
from fairforget.models import Kind
from fairforget.names import split_names

Protocols = Mapping[Kind, Sequence[str]]
"""Protocols by kind of model; the first is the default."""
FILE = "file"
"""The kind of option that is a path."""


def parse_options(
    name: str, words: Sequence[str], choices: Mapping[str, Sequence[str]], *, rest: str = ""
) -> dict[str, str]:
    """Options by kind: `{"split": "test", "protocol": "bias-bench"}`.

    Args:
        name: of the benchmark, for errors.
        words: the options as typed.
        choices: kind of option → its values.
        rest: the kind (such as `FILE`) of an option that is not among the values; "" if such an
            option is an error. A file must have a suffix, which tells it from a misspelt value.

    Raises:
        InputError: an option is unknown, or two are of the same kind.
    """
    options: dict[str, str] = {}
    for word in words:
        kind = next((k for k, values in choices.items() if word in values), rest)
        if not kind or (kind == FILE and not Path(word).suffix):
            values = ", ".join(value for group in choices.values() for value in group)
            known = [f"choose from {values}"] if values else []
            if rest == FILE:
                known.append("give a file whose name has a suffix")
            remedy = ", or ".join(known) or "remove it"
            raise InputError(f"benchmark {name!r} has no option {word!r}; {remedy}")
        if kind in options:
            raise InputError(
                f"benchmark {name!r} has two options for {kind}, {options[kind]!r} and {word!r}; "
                "remove one"
            )
        options[kind] = word
    return options


READ = {".py", ".yaml", ".yml"}
"""Suffixes of the files in the directory of a task file that can name others."""
_PATH = re.compile(r"[\w./-]+")


def benchmark_names(names: str) -> list[str]:
    """Split names of benchmarks at commas: `perplexity:dghs?round=2,3,stereoset` are two names."""
    return split_names(names, lambda part: base_name(part) in BENCHMARKS)


def base_name(benchmark: str) -> str:
    """A benchmark's name without options: `stereoset` for `stereoset:test`."""
    return benchmark.partition(":")[0]


def list_options(names: Sequence[str]) -> list[str]:
    """All options in names of benchmarks."""
    return [word for name in names for word in name.split(":")[1:]]


def list_files(names: Sequence[str]) -> list[str]:
    """The files in names of benchmarks: of items, and of a corpus, whose options follow a `?`.

    Files of its directory that a task file of lm-eval names are listed as well.
    """
    words = list_options(names)
    words += [word.partition("?")[0] for word in words if "?" in word]
    tasks = list_options([name for name in names if base_name(name) == "lm-eval"])
    for task in filter(_is_file, tasks):
        words += _list_used(Path(task))
    found = {Path(word): word for word in words if Path(word).suffix and _is_file(word)}
    return [*found.values()]


def _list_used(task: Path) -> list[str]:
    """The files that a task file names by their path or, in its directory, without their suffix."""
    beside = [path for path in sorted(task.parent.iterdir()) if path.suffix in READ]
    found = [task]
    for file in found:  # grows on the way
        if file.suffix in READ:
            words = {*_PATH.findall(file.read_text(encoding="utf-8", errors="replace"))}
            stems = words | {stem.partition(".")[0] for stem in words}
            named = [file.parent / word for word in sorted(words) if Path(word).suffix]
            named += [path for path in beside if path.stem in stems]
            found += [path for path in named if path not in found and _is_file(str(path))]
    return [str(path) for path in found]


def _is_file(name: str) -> bool:
    with suppress(OSError):  # too long for a name
        return Path(name).is_file()
    return False


def join_corpus(words: Sequence[str]) -> str:
    """The corpus `NAME[:DOMAIN]` that options name, beside a number of texts; "" if there is none.

    A colon also separates options, so the parts of the name are several of them.
    """
    return ":".join(word for word in words if not word.isdecimal())


def has_default_items(name: str) -> bool:
    """Whether no option of a benchmark names a file or a corpus other than the built-in one.

    For benchmarks whose other options are numbers and parts of the corpus.
    """
    corpus = join_corpus(list_options([name]))
    return re.split("[:?]", corpus)[0] in ("", "builtin")


def find_user_file(name: str) -> str | None:
    """The file of items in a benchmark's name with options; None if it uses the original items."""
    entry = BENCHMARKS.get(base_name(name))
    if entry is None or not entry.takes_file:
        return None
    return next((word for word in list_options([name]) if Path(word).suffix), None)


def parse_share(name: str, word: str) -> float:
    """A share such as `10%` as a number, 0.1.

    Raises:
        InputError: it is not a percentage above 0 % and at most 100 %.
    """
    if not re.fullmatch(r"\d+(\.\d+)?%", word) or not 0 < float(word[:-1]) <= 100:
        raise InputError(f"{name}: share {word!r} must be above 0% and at most 100%")
    return float(word[:-1]) / 100


def list_model_kinds(protocols: Protocols, protocol: str | None) -> tuple[Kind, ...]:
    """The kinds of model that a protocol supports; all kinds for None."""
    return tuple(kind for kind, names in protocols.items() if protocol in (None, *names))


def hash_option_files(benchmarks: Sequence[str]) -> str:
    """Return a hash of the benchmark files given as options; the catalogue pins all others."""
    return hash_values([Path(name).read_bytes() for name in list_files(benchmarks)])
