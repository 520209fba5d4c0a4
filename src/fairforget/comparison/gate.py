"""The gate for continuous integration: which changes of a comparison are not allowed."""

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
    """What in a comparison meets one of the conditions, one line each.

    Args:
        comparison: before against after.
        conditions: separated by commas. `worse`: a bias score is farther from no bias than
            before, and the 95 % interval of that lies above 0. `BENCHMARK.DOMAIN.FIGURE > NUMBER`,
            or `<`: the change, after − before, is larger or smaller. Figures are `distance` (of
            the bias score from no bias) and the benchmark's scores, such as `ss`, `lms` and
            `icat`; of perplexity it is the benchmark's name alone. `*` stands for anything.

    Raises:
        InputError: a condition cannot be read, or no figure has its name.
    """
    figures = dict(_figures(comparison))
    met: list[str] = []
    for condition in map(str.strip, conditions.split(",")):
        if condition == WORSE:
            distances = [name for name in figures if name.endswith(".distance")]
            if not distances:
                raise InputError(f"--fail-if {WORSE}: no bias score was measured on both sides")
            met += [
                _told(name, change)
                for name in distances
                if (change := figures[name]).ci and change.ci[0] > 0
            ]
            continue
        found = CONDITION.fullmatch(condition)
        if not found:
            raise InputError(
                f"--fail-if {condition!r} cannot be read; say {WORSE}, "
                'or such as "stereoset.gender.distance > 2"'
            )
        named = [name for name in figures if fnmatchcase(name, found["name"])]
        if not named:
            raise InputError(
                f"--fail-if {condition!r}: no figure is named {found['name']!r}; "
                f"there are {', '.join(figures)}"
            )
        limit, above = float(found["limit"]), found["sign"] == ">"
        for name in named:
            delta = figures[name].delta
            if delta > limit if above else delta < limit:
                met.append(_told(name, figures[name]))
    return list(dict.fromkeys(met))


def _figures(comparison: Comparison) -> Iterator[tuple[str, Change]]:
    """Every change of the comparison by the name that conditions use."""
    for cell in comparison.cells:
        named = {cell.measure: cell.score, **cell.beside}
        if cell.distance:
            named["distance"] = cell.distance
        for figure, change in named.items():
            yield f"{cell.benchmark}.{cell.domain}.{figure}", change
    yield from comparison.perplexity.items()


def _told(name: str, change: Change) -> str:
    interval = f" [{change.ci[0]:+.2f}, {change.ci[1]:+.2f}]" if change.ci else ""
    return f"{name} {change.before:.2f} -> {change.after:.2f}, {change.delta:+.2f}{interval}"
