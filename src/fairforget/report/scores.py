"""Benchmark results in one form: stereotype scores by domain, and perplexities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.perplexity import PROTOCOLS, split_corpus
from fairforget.comparison.score_change import Score
from fairforget.records.schema import interval_of, size_of
from fairforget.report.further_scores import FURTHER
from fairforget.report.wording import without_folders

Results = dict[str, dict[str, Any]]
PERPLEXITY = "perplexity"
"""The benchmark of perplexity, without options."""

STEREOTYPE_SCORES = ("ss", "stereotype")
"""Names of scores that are the share of stereotypes preferred, in %; 50 means no preference."""


@dataclass(frozen=True, slots=True)
class DomainScore:
    """The scores of one domain of one evaluation."""

    domain: str
    score: float
    """One of `STEREOTYPE_SCORES`."""
    ci: tuple[float, float] | None
    lms: float | None
    lms_ci: tuple[float, float] | None
    icat: float | None
    items: int | None
    terms: int | None
    further: dict[str, Score] = field(default_factory=dict)
    """The scores of `fairforget.report.further_scores.FURTHER` that were measured."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Perplexity of one evaluation on one corpus."""

    benchmark: str
    """Its name with options."""
    corpus: str
    """As pages name it (`name_texts`)."""
    value: float


def domain_scores(benchmark: str, results: Results) -> list[DomainScore]:
    """The domains of a benchmark with a stereotype score; none for any other benchmark."""
    rows = []
    for domain, scores in results.get(benchmark, {}).get("domains", {}).items():
        main = next((name for name in STEREOTYPE_SCORES if scores.get(name) is not None), None)
        if main:
            rows.append(_read_domain(domain, scores, main))
    return rows


def _read_domain(domain: str, scores: Mapping[str, Any], main: str) -> DomainScore:
    return DomainScore(
        domain=domain,
        score=float(scores[main]),
        ci=interval_of(scores, main),
        lms=scores.get("lms"),
        lms_ci=interval_of(scores, "lms"),
        icat=scores.get("icat"),
        items=size_of(scores),
        terms=scores.get("terms"),
        further={
            name: Score(float(scores[name]), interval_of(scores, name))
            for name in FURTHER
            if scores.get(name) is not None
        },
    )


def perplexities(results: Results) -> list[Perplexity]:
    """All results of the benchmark `perplexity`, with any options."""
    values = {
        name: float(facts["value"])
        for name, facts in results.items()
        if base_name(name) == PERPLEXITY and "value" in facts
    }
    texts = name_texts({name: str(results[name].get("corpus", name)) for name in values})
    return [Perplexity(name, texts[name], value) for name, value in values.items()]


def name_texts(corpora: Mapping[str, str]) -> dict[str, str]:
    """How pages name the texts of perplexities, so that no two of them have the same name.

    Args:
        corpora: the benchmark `perplexity` with its options → its corpus.

    Returns:
        The benchmark → its corpus without folders. Files of one name are numbered; if there are
        several perplexities on one corpus, each has its protocol and share.
    """
    texts = {}
    for name, corpus in corpora.items():
        text, details = without_folders(corpus), []
        same = list(dict.fromkeys(c for c in corpora.values() if without_folders(c) == text))
        if len(same) > 1:
            details.append(f"file {same.index(corpus) + 1}")
        if list(corpora.values()).count(corpus) > 1:
            options = split_corpus(name.split(":")[1:])[0]
            details += [word for word in options if word in PROTOCOLS] or PROTOCOLS[:1]
            details += [f"first {word[:-1]} %" for word in options if word not in PROTOCOLS]
        texts[name] = f"{text} ({', '.join(details)})" if details else text
    return texts


def is_known(benchmark: str, results: Results) -> bool:
    """Whether the report has a section for this benchmark's result."""
    return bool(
        domain_scores(benchmark, results) or perplexities({benchmark: results.get(benchmark, {})})
    )
