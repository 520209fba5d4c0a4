"""Numbers, intervals and names as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.registry import BENCHMARKS
from fairforget.records.records import MAIN

NONE = "\N{EN DASH}"
"""Shown in place of a missing value."""
HARMFUL_WORDS = "harmful_words"
"""The benchmark with sections and sentences of its own on pages."""

MAX_DIGITS = 6
"""Decimals of a bound near 0."""
LARGE = 1e9
"""From here on, numbers are in scientific notation: those of a model that diverged."""
BIAS_VERDICTS = {"less": "bias fell", "more": "bias rose", "undecided": "undecided"}
"""Verdict on a score of bias → its words."""
_FOLDERS = re.compile(
    r"(?:\b[A-Za-z]:(?=[/\\]))?[^:?,&=]*[/\\](?=[^/\\:?,&=]+\.(?:csv|jsonl?|parquet|txt|gguf|ya?ml)\b)"
)
"""The folders of a file in the name of a corpus, a benchmark or a model."""
_DOMAINS = {
    ALL: "All domains",
    "race-color": "Race and colour",
    "sexual-orientation": "Sexual orientation",
    "physical-appearance": "Physical appearance",
    "socioeconomic": "Socio-economic status",
    "type1": "Type 1",
    "type2": "Type 2",
}


def format_number(value: float | None, digits: int = 1) -> str:
    """A number with a true minus sign; an en dash for None and NaN.

    From `LARGE` on, it is in scientific notation, as "1.0e+30".
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.1e}" if abs(value) >= LARGE else f"{value:.{digits}f}"
    return text.removeprefix("-") if is_zero(value, digits) else text.replace("-", "−")


def is_zero(value: float, digits: int = 1) -> bool:
    """Whether a value is 0 after rounding."""
    return float(f"{value:.{digits}f}") == 0


def format_signed(value: float | None, digits: int = 1) -> str:
    """A number with its sign: "+1.2", "−0.4", "0.0"."""
    text = format_number(value, digits)
    return "+" + text if value is not None and value > 0 and not is_zero(value, digits) else text


def format_interval(ci: Sequence[float] | None, digits: int = 1) -> str:
    """An interval, "[−4.1, −0.8]"; if it excludes 0, a bound gets more digits rather than be 0."""
    if ci is None:
        return NONE
    low, high = map(format_number, ci, _bound_digits(ci, digits))
    return f"[{low}, {high}]"


def format_plain_interval(ci: Sequence[float] | None, digits: int = 1) -> str:
    """The same for a terminal, in ASCII and with signs: "[-4.1, -0.8]"; empty without one."""
    if ci is None:
        return ""
    low, high = (f"{x:+z.{n}f}" for x, n in zip(ci, _bound_digits(ci, digits), strict=True))
    return f"[{low}, {high}]"


def _bound_digits(ci: Sequence[float], digits: int) -> list[int]:
    """The decimals of each bound: more than `digits` if it would be 0 in an interval without 0."""
    if ci[0] <= 0 <= ci[1]:
        return [digits] * len(ci)
    return [_digits_of(bound, digits) for bound in ci]


def _digits_of(value: float, digits: int) -> int:
    """The decimals with which a value that is not 0 is not rounded to 0, at most `MAX_DIGITS`."""
    return next((n for n in range(digits, MAX_DIGITS) if not is_zero(value, n)), MAX_DIGITS)


class ValueWithInterval(Protocol):
    """A score, an effect or a change."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def ci(self) -> tuple[float, float] | None:
        """Its 95 % interval, if it has one."""


def format_score(score: ValueWithInterval, digits: int = 1, *, signed: bool = False) -> str:
    """A score and its interval, as by `format_with_interval`."""
    return format_with_interval(score.value, score.ci, signed=signed, digits=digits)


def format_with_interval(
    value: float | None, ci: Sequence[float] | None, *, signed: bool = False, digits: int = 1
) -> str:
    """A value and its interval, if it has one: "63.8 [58.9, 68.7]"."""
    number = format_signed(value, digits) if signed else format_number(value, digits)
    return number if ci is None else f"{number} {format_interval(ci, digits)}"


def format_count(value: int) -> str:
    """A large number with its digits in groups of three."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def format_p(value: float | None) -> str:
    """A p-value in a sentence: "p = 0.031"."""
    number = format_p_number(value)
    return f"p {number}" if number.startswith(("<", NONE)) else f"p = {number}"


def format_p_number(value: float | None) -> str:
    """A p-value in a table: "0.031", "< 0.0001"."""
    if value is None or math.isnan(value):
        return NONE
    return "< 0.0001" if value < 0.0001 else f"{value:.{2 if value >= 0.1 else 4}f}"


def domain_name(domain: str) -> str:
    """A domain as a row heading."""
    if domain in _DOMAINS:
        return _DOMAINS[domain]
    return capitalize_first(domain.replace("_", " "))


def benchmark_name(benchmark: str) -> str:
    """A benchmark's name as its authors write it, with options in brackets; without folders."""
    base, *options = without_folders(benchmark).split(":")
    name = BENCHMARKS[base].title if base in BENCHMARKS else base
    return f"{name} ({', '.join(options)})" if options else name


def without_folders(name: str) -> str:
    """The name of a corpus, a benchmark or a model without the folders of the files in it.

    `/home/me/posts.csv:gender` becomes `posts.csv:gender`; `owner/name` and `hub:owner/name` stay.
    """
    return _FOLDERS.sub("", name)


def model_name(source: str) -> str:
    """The last part of a model's source, without folders or its owner on the Hub; may be empty."""
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1]


def anchor(*words: str) -> str:
    """An HTML id of letters, digits, underscores and hyphens."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(words))


def capitalize_first(text: str) -> str:
    """Text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def join_words(names: Sequence[str], conjunction: str = "and") -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`."""
    return f" {conjunction} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def format_value(value: Any) -> str:
    """The value of a setting as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value)) if value else "none"
    return str(value)


def measured_text(kind: str) -> str:
    """The texts of a utility loss or movement, from their kind or constraint in a record."""
    kind = "retain" if kind == MAIN else kind.removesuffix("_perplexity")
    names = {"retain": "held-out retain text", "everyday": "everyday sentences"}
    return names.get(kind, f"{kind} text")


def budget_note(note: str) -> str:
    """The note of a budget as a sentence: "Budget not used up."; empty if there is none."""
    text = f"budget {note}" if note.startswith("not ") else note
    return f"{capitalize_first(text)}." if text else ""


def steps_done(method: Mapping[str, Any]) -> str:
    """The number of training steps, from the method in a record."""
    count = method.get("steps")
    steps = f"{format_value(count)} step{'' if count == 1 else 's'}"
    if (done := method.get("steps_done")) is None:
        return steps
    return f"{format_value(done)} of {steps} (stopped early, far outside the budget)"


def flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows (dotted name, value)."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += flatten(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", format_value(value)))
    return rows
