"""What records say freely, checked when it is read: results of benchmarks, and how was unlearned.

What is known by name must be what it is everywhere; what is not known is left as it is.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, GetPydanticSchema
from typing_extensions import TypedDict

Count = Annotated[int, Field(ge=0, lt=1 << 62)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


def _named_rightly(scores: dict[str, Any]) -> dict[str, Any]:
    """Intervals are pairs, and nothing else is."""
    for name, value in scores.items():
        interval = name == "ci" or name.endswith("_ci")
        if value is not None and isinstance(value, list) is not interval:
            raise ValueError(f"{name} is {value!r}; {'two numbers' if interval else 'a number'}")
    return scores


def _not_zero(value: float) -> float:
    if value <= 0:
        raise ValueError("a perplexity is larger than 0")
    return value


Number = Annotated[int, Field(ge=-(1 << 62), lt=1 << 62)] | float
Scores = Annotated[dict[str, Number | Pair | None], AfterValidator(_named_rightly)]


class _Result(TypedDict, total=False):
    """One benchmark's."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    protocol: str
    split: str
    corpus: str
    domains: dict[str, Scores]
    metrics: dict[str, dict[str, float]]
    value: Annotated[float, AfterValidator(_not_zero)]
    tokens: Count
    share: float


class _Method(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    objective: str
    selection: str | None
    steps: Count


def interval_of(scores: dict[str, Any], measure: str) -> Any:
    """The interval of a domain's score; CrowS-Pairs calls that of its only score `ci`."""
    return scores.get(f"{measure}_ci", scores.get("ci") if measure == "stereotype" else None)


def size_of(scores: dict[str, Any]) -> Any:
    """How many items a domain has; CrowS-Pairs calls them `pairs`."""
    return scores.get("items", scores.get("pairs"))


Result = Annotated[dict[str, Any], GetPydanticSchema(lambda _type, handler: handler(_Result))]
"""A result; to mypy any dictionary with names."""
Method = Annotated[dict[str, Any], GetPydanticSchema(lambda _type, handler: handler(_Method))]
"""A configuration, likewise."""
