"""The gate for continuous integration: conditions on the changes of a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fairforget.comparison.compare import Comparison
from fairforget.comparison.score_change import Change, Verdict
from fairforget.errors import InputError, suggest

WORSE = "worse"
BOUNDS = ("low", "high")
FIELDS = ("before", "after", *BOUNDS)
CONDITION = re.compile(
    r"(?P<name>\S.*?)(\.(?P<field>" + "|".join(FIELDS) + r"))?"
    r"\s*(?P<sign>[<>])\s*(?P<limit>[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?)"
)


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    change: Change
    verdict: Verdict | None = None
    """Only for the distance of a bias score, and for a score of harm."""
    measure: str = ""
    """The score that the verdict is about, by its own name."""
    main: bool = False
    """Whether it is the distance of a benchmark's main score."""


def find_violations(comparison: Comparison, conditions: str) -> list[str]:
    """The changes that meet one of the conditions, one line each.

    Args:
        comparison: before against after.
        conditions: separated by commas. `worse` is met where, by the verdict on a benchmark's main
            score, bias rose: enough clusters, an interval above 0, and a corrected p-value below
            0.05. `NAME worse` is the same for the bias scores of this name, and for scores of harm,
            such as `harmful_words.*.log_prob worse`. `NAME > NUMBER` (or `<`) is met if the change,
            after − before, is larger (or smaller). `NAME.before` and `NAME.after` refer to the
            score instead, `NAME.low` and `NAME.high` to the ends of the 95 % interval of the
            change.

            NAME is `BENCHMARK.DOMAIN.SCORE`. Scores are the benchmark's own, such as `ss`, `lms`
            and `contribution`; `distance`, of the main score from no bias; and, for other bias
            scores, `SCORE_distance`. For perplexity, it is the benchmark's name alone. `*` matches
            anything.

    Raises:
        InputError: a condition is malformed, or it matches no score.
    """
    figures = list(_list_figures(comparison))
    violations: list[str] = []
    for condition in _split(conditions):
        if condition == WORSE:
            judged = [figure for figure in figures if figure.main and figure.verdict]
            if not judged:
                raise InputError(
                    f"--fail_if {WORSE}: no bias score is in both evaluations; evaluate both on a "
                    "benchmark of bias, such as stereoset"
                )
            met = [figure for figure in judged if figure.verdict == "more"]
        elif condition.endswith(f" {WORSE}"):
            met = _find_worse(figures, condition)
        else:
            met = _find_beyond(figures, condition)
        violations += map(_describe, met)
    return list(dict.fromkeys(violations))


def _split(conditions: str) -> Iterator[str]:
    """Yield the conditions of a list; the name of a benchmark may have commas after a `?`."""
    begun = ""
    for part in conditions.split(","):
        condition = f"{begun},{part}" if begun else part
        complete = CONDITION.fullmatch(condition.strip()) or condition.split()[-1:] == [WORSE]
        if "?" in condition and not complete:
            begun = condition
        else:
            yield condition.strip()
            begun = ""
    if begun:
        yield begun.strip()


def _find_worse(figures: Sequence[_Figure], condition: str) -> list[_Figure]:
    name = condition.removesuffix(WORSE).strip()
    judged = [figure for figure in figures if figure.verdict]
    matching = [figure for figure in judged if fnmatchcase(figure.measure, name)]
    _check_found(matching, condition, name, [figure.measure for figure in judged])
    return [figure for figure in matching if figure.verdict == "more"]


def _find_beyond(figures: Sequence[_Figure], condition: str) -> list[_Figure]:
    match = CONDITION.fullmatch(condition)
    if not match:
        raise InputError(
            f"--fail_if {condition!r} is not a condition; use {WORSE} or a condition such as "
            '"stereoset.gender.distance > 2"'
        )
    matching = [figure for figure in figures if fnmatchcase(figure.name, match["name"])]
    _check_found(matching, condition, match["name"], [figure.name for figure in figures])
    limit, above = float(match["limit"]), match["sign"] == ">"
    met, without = [], []
    for figure in matching:
        value = _value(figure.change, match["field"])
        if value is None:
            without.append(figure.name)
            continue
        # NaN, the change between two infinite perplexities, meets every condition
        if not (value <= limit if above else value >= limit):
            met.append(figure)
    if len(without) == len(matching):
        raise InputError(
            f"--fail_if {condition!r}: {without[0]} has no interval; use .after instead of "
            f".{match['field']}, or evaluate more items"
        )
    return met


def _value(change: Change, field: str | None) -> float | None:
    if field in BOUNDS:
        return change.ci[BOUNDS.index(field)] if change.ci else None
    return change.delta if field is None else float(getattr(change, field))


def _check_found(
    matching: Sequence[_Figure], condition: str, name: str, names: Sequence[str]
) -> None:
    if not matching:
        meant = suggest(name, names)
        choice = f"{f'{meant} Choose' if meant else '; choose'} from {', '.join(names)}"
        raise InputError(f"--fail_if {condition!r}: no score is named {name!r}{choice}")


def _list_figures(comparison: Comparison) -> Iterator[_Figure]:
    """All changes, with the names that conditions use."""
    for cell in comparison.cells:
        place = f"{cell.benchmark}.{cell.domain}"
        measure = f"{place}.{cell.measure}"
        yield _Figure(measure, cell.score, cell.verdict if cell.lower_is_better else None, measure)
        for score, change in cell.beside.items():
            yield _Figure(f"{place}.{score}", change)
        if cell.distance:
            distance = "distance" if cell.main else f"{cell.measure}_distance"
            yield _Figure(
                f"{place}.{distance}", cell.distance, cell.verdict, measure, main=cell.main
            )
    for name, change in comparison.perplexity.items():
        yield _Figure(name, change)


def _describe(figure: _Figure) -> str:
    change = figure.change
    digits = 2 if max(abs(change.before), abs(change.after)) >= 1 else 4  # points or nats
    interval = f" [{', '.join(f'{end:+z.{digits}f}' for end in change.ci)}]" if change.ci else ""
    return (
        f"{figure.name} {change.before:.{digits}f} -> {change.after:.{digits}f}, "
        f"{change.delta:+z.{digits}f}{interval}"
    )
