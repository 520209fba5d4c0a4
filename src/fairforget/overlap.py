"""Do a forget corpus and a benchmark share text? Shared n-grams of words say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fairforget.errors import InputError

LENGTH = 8
"""Words of an n-gram: as long as to be no idiom, as short as to fit benchmark sentences."""
WARNING = 0.01
"""Share of benchmark items with an n-gram in common from which on to warn."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a corpus and a benchmark have in common."""

    corpus: str
    benchmark: str
    ngram: int
    """Words that must agree in a row; an item shorter than that must agree as a whole."""
    items: int
    """Sentences of the benchmark."""
    shared: int
    """Those with an n-gram that is also in the corpus."""
    examples: tuple[str, ...]
    """The first few of them."""

    @property
    def share(self) -> float:
        """Shared ÷ items."""
        return self.shared / max(1, self.items)

    @property
    def warning(self) -> str:
        """One line where the overlap is too large to measure with this benchmark, else ""."""
        if self.share <= WARNING:
            return ""
        return (
            f"{self.shared} of {self.items} sentences of {self.benchmark} share "
            f"{self.ngram} words in a row with {self.corpus}: measure with another"
        )


def _stereoset(task: str, split: str = "dev") -> Callable[[], Iterator[str]]:
    def sentences() -> Iterator[str]:
        from fairforget.benchmarks.stereoset.items import read_items

        for item in read_items(split=split, task=task):  # type: ignore[arg-type]
            yield from (item.sentences[:2] if task == "intrasentence" else item.sentences[:1])

    return sentences


def _crows_pairs() -> Iterator[str]:
    from fairforget.benchmarks.crows_pairs import read_pairs

    for pair in read_pairs():
        yield from (pair.sent_more, pair.sent_less)


BENCHMARK_SENTENCES: dict[str, Callable[[], Iterator[str]]] = {
    "stereoset": _stereoset("intrasentence"),
    "stereoset:intersentence": _stereoset("intersentence"),
    "crows_pairs": _crows_pairs,
}
"""Benchmark → its sentences, stereotypes and their counterparts."""


def benchmark_sentences(benchmark: str) -> list[str]:
    """The sentences of a benchmark, to look for them in a corpus.

    Raises:
        InputError: its sentences are not known, or not on this machine.
    """
    if benchmark not in BENCHMARK_SENTENCES:
        known = ", ".join(BENCHMARK_SENTENCES)
        raise InputError(f"the sentences of {benchmark!r} are not known; choose from {known}")
    return list(BENCHMARK_SENTENCES[benchmark]())


def overlap(
    corpus: str,
    texts: Iterable[str],
    benchmark: str,
    sentences: Iterable[str],
    *,
    ngram: int = LENGTH,
    examples: int = 5,
) -> Overlap:
    """Count the benchmark's sentences that share an n-gram of words with the corpus.

    Case, punctuation and spacing do not count. The benchmark is kept in memory, the corpus not.
    """
    items = list(dict.fromkeys(sentences))
    holders: dict[tuple[str, ...], list[int]] = {}
    lengths = set()
    for number, sentence in enumerate(items):
        words = _words(sentence)
        length = min(ngram, len(words))
        lengths.add(length)
        for gram in _grams(words, length):
            holders.setdefault(gram, []).append(number)
    shared: set[int] = set()
    for text in texts:
        words = _words(text)
        for length in lengths - {0}:
            for gram in _grams(words, length):
                shared.update(holders.get(gram, ()))
    return Overlap(
        corpus,
        benchmark,
        ngram,
        len(items),
        len(shared),
        tuple(items[number] for number in sorted(shared)[:examples]),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _grams(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(length)), strict=False)
