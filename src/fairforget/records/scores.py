"""Scores by name: `evaluation["stereoset"]["gender"].ss`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from fairforget.records.schema import has_interval, interval_of

MEASURES = ("ss", "stereotype", "bias_ambiguous", "accuracy", "log_prob")
"""The main score of a domain: the first of these that it has."""
ACCURACIES = frozenset(("accuracy_ambiguous", "accuracy_disambiguated"))
"""Scores that only BBQ has; its main score may be missing."""


def main_measure(scores: Mapping[str, Any]) -> str:
    """Return the name of a domain's main score; "" if the domain has no score with an interval."""
    if not ACCURACIES.isdisjoint(scores):
        return "bias_ambiguous"
    others = (name for name in scores if has_interval(scores, name))
    return next((name for name in MEASURES if name in scores), next(others, ""))


class DomainScores:
    """The scores of one domain; each is an attribute, such as `ss`, `lms` or `items`."""

    def __init__(self, scores: Mapping[str, Any]) -> None:
        """Wrap a domain of a result."""
        self._scores = scores

    @property
    def score(self) -> float:
        """The main score: SS of StereoSet, the share of stereotypes of CrowS-Pairs, in %.

        NaN if the domain has none, as in BBQ if no reply is usable.
        """
        return float(self._scores.get(main_measure(self._scores), math.nan))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the main score, (low, high); None where there is none."""
        return interval_of(self._scores, main_measure(self._scores))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_scores"][name]
        except KeyError:
            known = ", ".join(self.__dict__.get("_scores", ()))
            raise AttributeError(f"no score {name!r}; available: {known}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._scores]

    def __repr__(self) -> str:
        return f"DomainScores({', '.join(f'{k}={v}' for k, v in self._scores.items())})"


class BenchmarkScores(Mapping[str, DomainScores]):
    """The result of one benchmark: domain → scores.

    What is not per domain is an attribute: `protocol`, `split`, and `value` of a perplexity.
    """

    def __init__(self, result: Mapping[str, Any]) -> None:
        """Wrap a result of a record."""
        self._result = result

    def __getitem__(self, domain: str) -> DomainScores:
        domains = self._result.get("domains", {})
        if domain not in domains:
            raise KeyError(f"no domain {domain!r}; available: {', '.join(domains) or 'none'}")
        return DomainScores(domains[domain])

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.get("domains", {}))

    def __len__(self) -> int:
        return len(self._result.get("domains", {}))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_result"][name]
        except KeyError:
            raise AttributeError(f"the result has no {name!r}") from None

    def __repr__(self) -> str:
        return f"BenchmarkScores({dict(self._result)})"


def score_rows(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per benchmark and domain (or metric), with intervals as two columns."""
    rows = []
    for benchmark, result in results.items():
        shared = {"benchmark": benchmark, "protocol": result.get("protocol")}
        for domain, scores in result.get("domains", {}).items():
            row: dict[str, Any] = {**shared, "domain": domain}
            for name, value in scores.items():
                if name == "ci" or name.endswith("_ci"):
                    measure = "stereotype" if name == "ci" else name.removesuffix("_ci")
                    low, high = value or (None, None)
                    row |= {f"{measure}_low": low, f"{measure}_high": high}
                else:
                    row[name] = value
            rows.append(row)
        for task, metrics in result.get("metrics", {}).items():
            rows += [{**shared, "task": task, "metric": m, "value": v} for m, v in metrics.items()]
        if "value" in result:
            rows.append({**shared, "value": result["value"], "tokens": result.get("tokens")})
    return rows
