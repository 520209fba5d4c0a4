"""Do a forget corpus and a benchmark share text? Shared n-grams of words say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fairforget.corpora.reading import parse_name
from fairforget.corpora.sources import SOURCES
from fairforget.data.catalogue import BBQ_CATEGORIES, CATALOGUE
from fairforget.data.locate import find_cached
from fairforget.data.stereoset import read_items
from fairforget.errors import InputError
from fairforget.files.rows import READERS
from fairforget.records.records import OverlapFacts

LENGTH = 8
"""Words of an n-gram: as long as to be no idiom, as short as to fit benchmark sentences."""
EXAMPLES = 5
"""Shared sentences that are shown, at most."""
WARNING = 0.01
"""Share of benchmark items with an n-gram in common from which on to warn."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a corpus and a benchmark have in common."""

    corpus: str
    benchmark: str
    ngram: int
    """Words that must agree in a row; an item shorter than that must be a whole text."""
    items: int
    """Sentences of the benchmark."""
    shared: int
    """Those with an n-gram that is also in the corpus, and shorter ones that are a text of it."""
    examples: tuple[str, ...]
    """The first few of them."""

    @property
    def share(self) -> float:
        """Shared ÷ items."""
        return self.shared / max(1, self.items)

    @property
    def facts(self) -> OverlapFacts:
        """For the record."""
        return OverlapFacts(self.benchmark, self.ngram, self.items, self.shared, self.share)

    @property
    def warning(self) -> str:
        """One line where the overlap is too large to measure with this benchmark, else ""."""
        if self.share <= WARNING:
            return ""
        return (
            f"{self.shared} of {self.items} sentences of {self.benchmark} share "
            f"{self.ngram} words in a row with {self.corpus}, or are shorter and one of its texts: "
            "measure with another"
        )


def _stereoset(task: str, split: str = "dev") -> Callable[[], Iterator[str]]:
    def sentences() -> Iterator[str]:
        for item in read_items(split=split, task=task):  # type: ignore[arg-type]
            yield from item.sentences[:2]

    return sentences


def _crows_pairs() -> Iterator[str]:
    from fairforget.benchmarks.crows_pairs import read_pairs

    for pair in read_pairs():
        yield from (pair.sent_more, pair.sent_less)


def _bbq() -> Iterator[str]:
    from fairforget.benchmarks.bbq import read_questions

    for question in read_questions(tuple(BBQ_CATEGORIES)):
        yield question.prompt


@dataclass(frozen=True, slots=True)
class _Sentences:
    """What a benchmark shows to a model."""

    data: str
    """The data set of the catalogue that has them."""
    read: Callable[[], Iterator[str]]


BENCHMARK_SENTENCES = {
    "stereoset": _Sentences("stereoset", _stereoset("intrasentence")),
    "stereoset:intersentence": _Sentences("stereoset", _stereoset("intersentence")),
    "stereoset:test": _Sentences("stereoset-test", _stereoset("intrasentence", "test")),
    "crows_pairs": _Sentences("crows_pairs", _crows_pairs),
    "bbq": _Sentences("bbq", _bbq),
}
"""Benchmark → its sentences, stereotypes and their counterparts."""


@cache
def benchmark_sentences(benchmark: str) -> tuple[str, ...]:
    """The sentences of a benchmark, to look for them in a corpus.

    Raises:
        InputError: its sentences are not known, or not on this machine.
    """
    if benchmark not in BENCHMARK_SENTENCES:
        known = ", ".join(BENCHMARK_SENTENCES)
        raise InputError(f"the sentences of {benchmark!r} are not known; choose from {known}")
    return tuple(BENCHMARK_SENTENCES[benchmark].read())


def check_unseen(corpus: str, benchmarks: Iterable[str]) -> None:
    """Refuse to measure with the benchmark whose items are forgotten.

    Items are known by the corpus's name, and in a file by the ids that `select` writes.

    Raises:
        InputError: one of the benchmarks is made of the same items as the corpus.
    """
    asked = {name: name.partition(":")[0] for name in benchmarks}
    made_of = {s.benchmark for s in SOURCES.values() if s.benchmark} & {*asked.values()}
    seen = _benchmarks_in(corpus, made_of) if made_of else set()
    for name, benchmark in asked.items():
        if benchmark in seen:
            raise InputError(
                f"benchmark {name!r}: forget corpus {corpus!r} is made of its items, so it would "
                "measure what was trained on; choose another benchmark, or another corpus"
            )


def _benchmarks_in(corpus: str, benchmarks: set[str]) -> set[str]:
    """Those of the benchmarks that have given items to the corpus."""
    parts = parse_name(corpus)
    source, path = SOURCES.get(parts.corpus), Path(parts.corpus)
    if source or path.suffix not in READERS or not path.is_file():
        return {source.benchmark} & benchmarks if source and source.benchmark else set()
    column = parts.options.get("id", "id")
    ids = (str(row.get(column)) for _, row in READERS[path.suffix](path))
    return {identity.partition(":")[0] for identity in ids} & benchmarks


def measure_overlaps(corpus: str, texts: Sequence[str]) -> list[Overlap]:
    """With every benchmark whose sentences are on this machine; nothing is fetched.

    Args:
        corpus: its name, for warnings.
        texts: of the corpus.
    """
    return [
        measure_overlap(corpus, texts, benchmark, benchmark_sentences(benchmark))
        for benchmark, sentences in BENCHMARK_SENTENCES.items()
        if _is_here(sentences.data)
    ]


def _is_here(data: str) -> bool:
    """Whether a data set can be read without fetching."""
    known = CATALOGUE[data]
    try:
        there = [find_cached(file) is not None for file in known.files]
    except InputError:  # another file than was expected: who evaluates with it is told
        return False
    return any(there) if known.alternatives else all(there)


def measure_overlap(
    corpus: str,
    texts: Iterable[str],
    benchmark: str,
    sentences: Iterable[str],
    *,
    ngram: int = LENGTH,
) -> Overlap:
    """Count the benchmark's sentences that share an n-gram of words with the corpus.

    A sentence that is shorter than an n-gram is counted where a whole text of the corpus has the
    same words: as a part, so few words stand in any corpus. Case, punctuation and spacing do not
    count. The benchmark is kept in memory, the corpus not.

    Raises:
        InputError: an n-gram of no words.
    """
    if ngram < 1:
        raise InputError(f"an n-gram of {ngram} words says nothing; at least 1 is needed")
    items = list(dict.fromkeys(sentences))
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, sentence in enumerate(items):
        for gram in _grams(_words(sentence), ngram):
            holders.setdefault(gram, []).append(number)
    shared: set[int] = set()
    for text in texts:
        for gram in _grams(_words(text), ngram):
            shared.update(holders.get(gram, ()))
    return Overlap(
        corpus,
        benchmark,
        ngram,
        len(items),
        len(shared),
        tuple(items[number] for number in sorted(shared)[:EXAMPLES]),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _grams(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    """Runs of so many words; of fewer words than that, all of them, if there are any."""
    if len(words) < length:
        return iter([tuple(words)] if words else [])
    return zip(*(words[at:] for at in range(length)), strict=False)
