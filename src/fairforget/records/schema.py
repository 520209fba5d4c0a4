"""Types of the free-form parts of records: benchmark results and training configurations.

Known fields are checked when a record is read; unknown fields are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Required

from pydantic import AfterValidator, ConfigDict, Field, GetPydanticSchema
from typing_extensions import TypedDict

Count = Annotated[int, Field(ge=0, lt=1 << 62)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


def _check_scores(scores: dict[str, Any]) -> dict[str, Any]:
    """Check that intervals, and only intervals, are pairs."""
    for name, value in scores.items():
        interval = name == "ci" or name.endswith("_ci")
        if value is not None and isinstance(value, list) is not interval:
            raise ValueError(
                f"{name} is {value!r}; expected {'two numbers' if interval else 'a number'}"
            )
    return scores


def _check_positive(value: float) -> float:
    if value <= 0:
        raise ValueError(f"a perplexity is {value}; expected a positive number")
    return value


Number = Annotated[int, Field(ge=-(1 << 62), lt=1 << 62)] | float
Scores = Annotated[dict[str, Number | Pair | None], AfterValidator(_check_scores)]


class _Result(TypedDict, total=False):
    """Result of one benchmark."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    protocol: str
    split: str
    corpus: str
    domains: dict[str, Scores]
    word_order: Scores
    metrics: dict[str, dict[str, float]]
    value: Annotated[float, AfterValidator(_check_positive)]
    tokens: Count
    share: float


class _Method(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    objective: str
    selection: str | None
    steps: Count


class _Budget(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    perplexity: Required[float]
    everyday_perplexity: float
    movement: float | None


class _Settings(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    budget: _Budget
    controls: list[str]


def has_interval(scores: Mapping[str, Any], measure: str) -> bool:
    """Return whether a domain's score has an interval, which is None for a single cluster."""
    return f"{measure}_ci" in scores or (measure == "stereotype" and "ci" in scores)


def interval_of(scores: Mapping[str, Any], measure: str) -> tuple[float, float] | None:
    """Return the interval of a domain's score; that of CrowS-Pairs is named `ci`."""
    ci = scores.get(f"{measure}_ci", scores.get("ci") if measure == "stereotype" else None)
    return ci and (float(ci[0]), float(ci[1]))


def size_of(scores: Mapping[str, Any]) -> Any:
    """Return the number of items of a domain, which some benchmarks name `pairs` or `facts`."""
    return next((scores[name] for name in ("items", "pairs", "facts") if name in scores), None)


Result = Annotated[dict[str, Any], GetPydanticSchema(lambda _type, handler: handler(_Result))]
"""A benchmark result; any dictionary with string keys for mypy."""
Method = Annotated[dict[str, Any], GetPydanticSchema(lambda _type, handler: handler(_Method))]
"""A training configuration in a record."""
Settings = Annotated[dict[str, Any], GetPydanticSchema(lambda _type, handler: handler(_Settings))]
"""The settings of a study, leaderboard or durability measurement in its record."""
