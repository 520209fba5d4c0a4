"""Benchmark results, each in its own shape, seen as one: scores per domain, and perplexities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fairforget.errors import InputError
from fairforget.report.wording import NONE, base

Results = dict[str, dict[str, Any]]

_FIELDS = {
    "stereoset": {"score": "ss", "ci": "ss_ci", "items": "items"},
    "crows_pairs": {"score": "stereotype", "ci": "ci", "items": "pairs"},
}


@dataclass(frozen=True, slots=True)
class DomainScore:
    """One domain of one evaluation. The score is the share, in %, of stereotypes preferred."""

    domain: str
    score: float
    ci: tuple[float, float] | None
    lms: float | None
    lms_ci: tuple[float, float] | None
    icat: float | None
    items: int | None
    terms: int | None


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Perplexity of one evaluation on one corpus."""

    corpus: str
    protocol: str
    value: float
    tokens: int | None


def domain_scores(benchmark: str, results: Results) -> list[DomainScore]:
    """The domains of a benchmark that this project defines; none for any other."""
    fields = _FIELDS.get(base(benchmark))
    domains = results.get(benchmark, {}).get("domains")
    if fields is None or not isinstance(domains, dict):
        return []
    rows = []
    for domain, facts in domains.items():
        if not isinstance(facts, dict) or fields["score"] not in facts:
            continue
        where = f"results.{benchmark}.domains.{domain}"
        score = _number(facts, fields["score"], where)
        if score is not None:
            rows.append(
                DomainScore(
                    domain=domain,
                    score=score,
                    ci=_interval(facts, fields["ci"], where),
                    lms=_number(facts, "lms", where),
                    lms_ci=_interval(facts, "lms_ci", where),
                    icat=_number(facts, "icat", where),
                    items=_count(facts, fields["items"], where),
                    terms=_count(facts, "terms", where),
                )
            )
    return rows


def has_domain_scores(benchmark: str) -> bool:
    """Whether this is a benchmark of stereotype scores, best at 50."""
    return base(benchmark) in _FIELDS


def perplexities(results: Results) -> list[Perplexity]:
    """Every result of the benchmark `perplexity`, whatever its options."""
    found = []
    for name, facts in results.items():
        if base(name) == "perplexity":
            value = _number(facts, "value", f"results.{name}")
            if value is not None:
                corpus = str(facts.get("corpus", name))
                tokens = _count(facts, "tokens", f"results.{name}")
                found.append(Perplexity(corpus, str(facts.get("protocol", NONE)), value, tokens))
    return found


def is_known(benchmark: str, results: Results) -> bool:
    """Whether the report understands this result's numbers."""
    return bool(
        domain_scores(benchmark, results) or perplexities({benchmark: results.get(benchmark, {})})
    )


def _number(facts: dict[str, Any], name: str, where: str) -> float | None:
    value = facts.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}.{name}: {value!r} is no number")
    return float(value)


def _count(facts: dict[str, Any], name: str, where: str) -> int | None:
    value = _number(facts, name, where)
    return None if value is None or not math.isfinite(value) else int(value)


def _interval(facts: dict[str, Any], name: str, where: str) -> tuple[float, float] | None:
    value = facts.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"{where}.{name}: {value!r} is no interval of two numbers")
    low, high = (_number({name: v}, name, where) for v in value)
    return None if low is None or high is None else (low, high)
