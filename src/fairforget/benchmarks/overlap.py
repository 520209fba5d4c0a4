"""Overlap of a forget corpus with a benchmark, measured by shared n-grams of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fairforget.benchmarks.options import base_name, join_corpus, list_options
from fairforget.corpora.reading import BUILTIN, parse_name
from fairforget.corpora.sources import SOURCES
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_local_file
from fairforget.data.stereoset import read_items
from fairforget.errors import InputError
from fairforget.files.rows import READERS, table_suffix
from fairforget.records.records import OverlapFacts

LENGTH = 8
"""Words of an n-gram: longer than idioms, and shorter than most benchmark sentences."""
MAX_EXAMPLES = 5
"""Shared sentences to keep as examples."""
MAX_SHARE = 0.01
"""Share of benchmark sentences with a common n-gram above which to warn."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The overlap of a corpus with a benchmark."""

    corpus: str
    benchmark: str
    ngram: int
    """Words of an n-gram."""
    items: int
    """Sentences of the benchmark."""
    shared: int
    """Sentences with an n-gram that is in the corpus, and shorter ones that are a text of it."""
    examples: tuple[str, ...]
    """The first few of them."""

    @property
    def share(self) -> float:
        """Shared ÷ items."""
        return self.shared / max(1, self.items)

    @property
    def facts(self) -> OverlapFacts:
        """The overlap as it is recorded."""
        return OverlapFacts(self.benchmark, self.ngram, self.items, self.shared, self.share)

    @property
    def warning(self) -> str:
        """One line if the overlap is too large to evaluate with this benchmark, or ""."""
        if self.share <= MAX_SHARE:
            return ""
        return (
            f"{self.shared} of {self.items} sentences of {self.benchmark} share "
            f"{self.ngram} consecutive words with {self.corpus}, or are shorter and equal one of "
            "its texts; evaluate on another benchmark"
        )


def _stereoset(task: str, split: str = "dev") -> Callable[[], Iterator[str]]:
    def sentences() -> Iterator[str]:
        for item in read_items(split=split, task=task):  # type: ignore[arg-type]
            yield from item.sentences[:2]

    return sentences


def _crows_pairs() -> Iterator[str]:
    from fairforget.data.crows_pairs import read_pairs

    for pair in read_pairs():
        yield from (pair.sent_more, pair.sent_less)


def _bbq() -> Iterator[str]:
    from fairforget.data.bbq import read_questions

    for question in read_questions():
        yield question.prompt


def _winobias() -> Iterator[str]:
    from fairforget.data.winobias import read_pairs

    for pair in read_pairs():
        yield from (pair.pro, pair.anti)


def _winogender() -> Iterator[str]:
    from fairforget.data.winogender import read_pairs

    for pair in read_pairs():
        yield from (pair.female, pair.male)


def _decoding_trust() -> Iterator[str]:
    from fairforget.data.decoding_trust import GROUPS, read_statements

    for statement in read_statements():
        yield from map(statement.about, GROUPS)


@dataclass(frozen=True, slots=True)
class _Sentences:
    """The sentences of a benchmark."""

    dataset: str
    """Their data set in the catalogue."""
    read: Callable[[], Iterator[str]]


BENCHMARK_SENTENCES = {
    "stereoset": _Sentences("stereoset", _stereoset("intrasentence")),
    "stereoset:intersentence": _Sentences("stereoset", _stereoset("intersentence")),
    "stereoset:test": _Sentences("stereoset-test", _stereoset("intrasentence", "test")),
    "crows_pairs": _Sentences("crows_pairs", _crows_pairs),
    "bbq": _Sentences("bbq", _bbq),
    "winobias": _Sentences("winobias", _winobias),
    "winogender": _Sentences("winogender", _winogender),
    "decoding_trust": _Sentences("decoding_trust", _decoding_trust),
}
"""Benchmark → its sentences: stereotypes and anti-stereotypes, or prompts."""


@cache
def benchmark_sentences(benchmark: str) -> tuple[str, ...]:
    """The sentences of a benchmark.

    Raises:
        InputError: the benchmark has no list of sentences, or its data are missing.
    """
    if benchmark not in BENCHMARK_SENTENCES:
        names = ", ".join(BENCHMARK_SENTENCES)
        raise InputError(
            f"the sentences of benchmark {benchmark!r} are unknown; choose from {names}"
        )
    return tuple(BENCHMARK_SENTENCES[benchmark].read())


def check_unseen(corpus: str, benchmarks: Iterable[str]) -> None:
    """Check that no benchmark is evaluated after training on its own items.

    A corpus is recognised by its name, and a file by the ids that `select` writes.

    Raises:
        InputError: the forget corpus has items of one of the benchmarks.
    """
    bases = {name: base_name(name) for name in benchmarks}
    candidates = {s.benchmark for s in SOURCES.values() if s.benchmark} & {*bases.values()}
    seen = _find_benchmarks(corpus, candidates) if candidates else set()
    for name, base in bases.items():
        if base in seen or (base == "harmful_words" and _is_measured(corpus, name)):
            raise InputError(
                f"benchmark {name!r}: forget corpus {corpus!r} contains its items, so the model "
                "would be evaluated on its training data; choose another benchmark or corpus"
            )


def _is_measured(corpus: str, benchmark: str) -> bool:
    """Whether harmful words are measured in the same corpus. Built-in texts have other seeds."""
    measured = parse_name(join_corpus(list_options([benchmark])) or BUILTIN).corpus
    return parse_name(corpus).corpus == measured != BUILTIN


def _find_benchmarks(corpus: str, candidates: set[str]) -> set[str]:
    """The candidate benchmarks that have items in the corpus."""
    parts = parse_name(corpus)
    source, path = SOURCES.get(parts.corpus), Path(parts.corpus)
    read = READERS.get(table_suffix(path))
    if source or not read or not path.is_file():
        return {source.benchmark} & candidates if source and source.benchmark else set()
    column = parts.options.get("id", "id")
    ids = (str(row.get(column)) for _, row in read(path))
    return {item_id.partition(":")[0] for item_id in ids} & candidates


def measure_overlaps(corpus: str, texts: Sequence[str]) -> list[Overlap]:
    """The overlap with each benchmark whose data are on this machine; nothing is downloaded.

    Args:
        corpus: its name, for warnings.
        texts: of the corpus.
    """
    return [
        measure_overlap(corpus, texts, benchmark, benchmark_sentences(benchmark))
        for benchmark, sentences in BENCHMARK_SENTENCES.items()
        if _is_cached(sentences.dataset)
    ]


def _is_cached(name: str) -> bool:
    """Whether a data set can be read without a download."""
    dataset = CATALOGUE[name]
    try:
        cached = [find_local_file(file) is not None for file in dataset.files]
    except InputError:  # a wrong file is reported when the benchmark is evaluated
        return False
    return any(cached) if dataset.alternatives else all(cached)


def measure_overlap(
    corpus: str,
    texts: Iterable[str],
    benchmark: str,
    sentences: Iterable[str],
    *,
    ngram: int = LENGTH,
) -> Overlap:
    """Count the benchmark's sentences that share an n-gram of words with the corpus.

    A sentence shorter than an n-gram counts only if a whole text of the corpus has the same words,
    because so few words occur in any corpus. Case, punctuation and spacing are ignored. The
    benchmark is held in memory, but the corpus is streamed.

    Args:
        corpus: its name.
        texts: of the corpus.
        benchmark: its name.
        sentences: of the benchmark; duplicates count once.
        ngram: number of words, at least 1.

    Raises:
        InputError: `ngram` is below 1.
    """
    if ngram < 1:
        raise InputError(f"ngram is {ngram}; set it to at least 1")
    items = list(dict.fromkeys(sentences))
    sentences_by_gram: dict[tuple[str, ...], list[int]] = {}
    for number, sentence in enumerate(items):
        for gram in _ngrams(_words(sentence), ngram):
            sentences_by_gram.setdefault(gram, []).append(number)
    shared: set[int] = set()
    for text in texts:
        for gram in _ngrams(_words(text), ngram):
            shared.update(sentences_by_gram.get(gram, ()))
    return Overlap(
        corpus,
        benchmark,
        ngram,
        len(items),
        len(shared),
        tuple(items[number] for number in sorted(shared)[:MAX_EXAMPLES]),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _ngrams(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    """The n-grams of `length` words; a shorter text is one n-gram."""
    if len(words) < length:
        return iter([tuple(words)] if words else [])
    return zip(*(words[start:] for start in range(length)), strict=False)
