"""The gate for continuous integration: conditions on the changes of a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import Change
from fairforget.errors import InputError

WORSE = "worse"
CONDITION = re.compile(r"(?P<name>\S.*?)\s*(?P<sign>[<>])\s*(?P<limit>[-+]?\d+(\.\d+)?)")


def find_violations(comparison: Comparison, conditions: str) -> list[str]:
    """The changes that meet one of the conditions, one line each.

    Args:
        comparison: before against after.
        conditions: separated by commas. `worse` is met if a bias score moved away from no bias and
            the 95 % interval of its distance's change lies above 0. `BENCHMARK.DOMAIN.SCORE >
            NUMBER` (or `<`) is met if the change, after − before, is larger (or smaller). Scores
            are `distance` (of the bias score from no bias) and the benchmark's own, such as `ss`,
            `lms` and `icat`; for perplexity, give the benchmark's name alone. `*` matches anything.

    Raises:
        InputError: a condition is malformed, or it matches no score.
    """
    changes = dict(_named_changes(comparison))
    violations: list[str] = []
    for condition in map(str.strip, conditions.split(",")):
        if condition == WORSE:
            distances = [name for name in changes if name.endswith(".distance")]
            if not distances:
                raise InputError(f"--fail-if {WORSE}: no bias score was measured on both sides")
            violations += [
                _describe(name, change)
                for name in distances
                if (change := changes[name]).ci and change.ci[0] > 0
            ]
            continue
        match = CONDITION.fullmatch(condition)
        if not match:
            raise InputError(
                f"--fail-if {condition!r} is not a condition; give {WORSE} or a condition such as "
                '"stereoset.gender.distance > 2"'
            )
        names = [name for name in changes if fnmatchcase(name, match["name"])]
        if not names:
            raise InputError(
                f"--fail-if {condition!r}: no score is named {match['name']!r}; choose from "
                f"{', '.join(changes)}"
            )
        limit, above = float(match["limit"]), match["sign"] == ">"
        for name in names:
            delta = changes[name].delta
            if delta > limit if above else delta < limit:
                violations.append(_describe(name, changes[name]))
    return list(dict.fromkeys(violations))


def _named_changes(comparison: Comparison) -> Iterator[tuple[str, Change]]:
    """All changes with the names that conditions use."""
    for cell in comparison.cells:
        scores = {cell.measure: cell.score, **cell.beside}
        if cell.distance:
            scores["distance"] = cell.distance
        for score, change in scores.items():
            yield f"{cell.benchmark}.{cell.domain}.{score}", change
    yield from comparison.perplexity.items()


def _describe(name: str, change: Change) -> str:
    interval = f" [{change.ci[0]:+.2f}, {change.ci[1]:+.2f}]" if change.ci else ""
    return f"{name} {change.before:.2f} -> {change.after:.2f}, {change.delta:+.2f}{interval}"
