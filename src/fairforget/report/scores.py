"""Benchmark results, each in its own shape, seen as one: scores per domain, and perplexities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fairforget.errors import InputError
from fairforget.report.wording import NONE, base
from fairforget.results import interval_of, size_of

Results = dict[str, dict[str, Any]]

STEREOTYPE_SCORES = ("ss", "stereotype")
"""The share, in %, in which a benchmark's stereotypes are preferred: 50 is no preference."""


@dataclass(frozen=True, slots=True)
class DomainScore:
    """One domain of one evaluation, by one of `STEREOTYPE_SCORES`."""

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
    """The domains of a benchmark of stereotype scores; none of any other."""
    domains = results.get(benchmark, {}).get("domains")
    if not isinstance(domains, dict):
        return []
    rows = []
    for domain, facts in domains.items():
        measured = isinstance(facts, dict) and [m for m in STEREOTYPE_SCORES if m in facts]
        if not measured:
            continue
        where = f"results.{benchmark}.domains.{domain}"
        score = _number(facts, measured[0], where)
        if score is not None:
            rows.append(
                DomainScore(
                    domain=domain,
                    score=score,
                    ci=_interval(interval_of(facts, measured[0]), f"{where}.{measured[0]}_ci"),
                    lms=_number(facts, "lms", where),
                    lms_ci=_interval(interval_of(facts, "lms"), f"{where}.lms_ci"),
                    icat=_number(facts, "icat", where),
                    items=_count({"items": size_of(facts)}, "items", where),
                    terms=_count(facts, "terms", where),
                )
            )
    return rows


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


def _interval(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"{where}: {value!r} is no interval of two numbers")
    low, high = (_number({"bound": v}, "bound", where) for v in value)
    return None if low is None or high is None else (low, high)
