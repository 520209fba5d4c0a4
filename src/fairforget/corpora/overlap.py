"""Overlap of a forget corpus with a benchmark, measured by shared n-grams of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from fairforget.data import bbq, crows_pairs, decoding_trust, stereoset, winobias, winogender
from fairforget.data.catalogue import CATALOGUE, DataFile
from fairforget.data.locate import find_local_file
from fairforget.data.stereoset import SPLITS, Task
from fairforget.errors import InputError
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


@dataclass(frozen=True, slots=True)
class _Sentences:
    """The sentences of a benchmark."""

    dataset: str
    """Their dataset in the catalogue."""
    read: Callable[[], Iterable[str]]


def _stereoset(task: Task, split: str = "dev") -> _Sentences:
    return _Sentences(
        SPLITS[split],
        lambda: (
            text
            for item in stereoset.read_items(split=split, task=task)
            for text in item.sentences[:2]
        ),
    )


BENCHMARK_SENTENCES = {
    "stereoset": _stereoset("intrasentence"),
    "stereoset:intersentence": _stereoset("intersentence"),
    "stereoset:test": _stereoset("intrasentence", "test"),
    "crows_pairs": _Sentences(
        "crows_pairs",
        lambda: (
            text for pair in crows_pairs.read_pairs() for text in (pair.sent_more, pair.sent_less)
        ),
    ),
    "bbq": _Sentences("bbq", lambda: (question.prompt for question in bbq.read_questions())),
    "winobias": _Sentences(
        "winobias",
        lambda: (text for pair in winobias.read_pairs() for text in (pair.pro, pair.anti)),
    ),
    "winogender": _Sentences(
        "winogender",
        lambda: (text for pair in winogender.read_pairs() for text in (pair.female, pair.male)),
    ),
    "decoding_trust": _Sentences(
        "decoding_trust",
        lambda: (
            statement.about(group)
            for statement in decoding_trust.read_statements()
            for group in decoding_trust.GROUPS
        ),
    ),
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
    """Whether a dataset can be read without a download."""
    dataset = CATALOGUE[name]
    cached = map(_is_local, dataset.files)
    return any(cached) if dataset.alternatives else all(cached)


def _is_local(file: DataFile) -> bool:
    try:
        return find_local_file(file) is not None
    except InputError:  # a wrong file is reported when the benchmark is evaluated
        return False


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
