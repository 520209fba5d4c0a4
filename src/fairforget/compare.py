"""Before against after: paired differences on the same items, with intervals and exact tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fairforget.benchmarks import judge_of
from fairforget.benchmarks.degenerate import doubts_of
from fairforget.benchmarks.faults import faults_of
from fairforget.benchmarks.measurement import ALL, Judge, Row, by_domain
from fairforget.errors import InputError
from fairforget.evaluation import read_items
from fairforget.records import AFTER, BEFORE, RECORD, EvaluationRecord, ModelFacts, read_record
from fairforget.statistics import Floats, bootstrap_totals, holm, interval, mcnemar

MEASURED = ("domains", "value", "metrics")
"""What a result says that may differ; everything else is how it was measured, and must not."""


@dataclass(frozen=True, slots=True)
class Change:
    """A score before and after, and the difference with its 95 % paired bootstrap interval."""

    before: float
    after: float
    delta: float
    ci: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What happened in one domain of one benchmark."""

    benchmark: str
    domain: str
    measure: str
    """The name of the benchmark's bias score: `ss`, `stereotype`, `bias_ambiguous`."""
    score: Change
    distance: Change | None
    """The score's distance from no bias."""
    beside: dict[str, Change]
    """The benchmark's other scores: without them the first says little."""
    items: int
    clusters: int
    """What was resampled: target terms of StereoSet, pairs of CrowS-Pairs, templates of BBQ."""
    gained: int
    """Items whose verdict became the stereotype (of general ability: the right answer) …"""
    lost: int
    """… and those whose verdict ceased to be."""
    ties: tuple[int, int]
    """Items with equal scores, before and after."""
    p: float
    """Exact two-sided McNemar test of `gained` against `lost`."""
    p_adjusted: float
    """The same after Holm's correction for all cells of the comparison."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cells of two evaluations."""

    before: ModelFacts
    after: ModelFacts
    cells: tuple[Cell, ...]
    perplexity: dict[str, Change]
    """By the benchmark's name."""
    notes: tuple[str, ...]
    """What a reader should know of these two evaluations."""
    faults: tuple[str, ...]
    """Known faults of the benchmarks."""
    kind: Literal["comparison"] = "comparison"
    version: int = 1


def compare(before: Path, after: Path, *, seed: int | None = None) -> Comparison:
    """Compare two evaluations.

    Args:
        before: the directory of an evaluation.
        after: another, of the same benchmarks by the same protocols on the same items.
        seed: of the bootstrap; by default that of the evaluation before.

    Raises:
        InputError: one is no evaluation, or they cannot be compared; says what differs.
    """
    records = [read_record(_evaluation(d) / RECORD, EvaluationRecord) for d in (before, after)]
    old, new = (record.results for record in records)
    seed = records[0].seed if seed is None else seed
    shared = [name for name in old if name in new]
    if not shared:
        raise InputError(
            f"{before} and {after} have no benchmark in common: {', '.join(old) or 'none'} before, "
            f"{', '.join(new) or 'none'} after"
        )
    for name in shared:
        _same_settings(name, old[name], new[name])
    items = [_by_benchmark(read_items(directory)) for directory in (before, after)]
    cells = []
    for name in shared:
        rows = [part.get(name, []) for part in items]
        judge = judge_of(name)
        if judge and (rows[0] or rows[1]):
            order = [domain for domain in old[name].get("domains", ()) if domain != ALL]
            try:
                cells += compare_items(name, judge, rows[0], rows[1], order=order, seed=seed)
            except (KeyError, TypeError, ValueError) as error:  # columns are missing or others'
                raise InputError(
                    f"{name}: the items of {before} or {after} are damaged ({error}); "
                    "evaluate again"
                ) from error
    return Comparison(
        before=records[0].model,
        after=records[1].model,
        cells=tuple(adjusted(cells)),
        perplexity={
            name: Change(*values, values[1] - values[0])
            for name in shared
            if "value" in old[name]
            for values in [(float(old[name]["value"]), float(new[name]["value"]))]
        },
        notes=tuple(_notes(records)),
        faults=tuple(faults_of(shared)),
    )


def compare_items(
    name: str,
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Row],
    *,
    order: Sequence[str] = (),
    seed: int = 0,
) -> list[Cell]:
    """Compare the items of one benchmark, per domain and over all; p-values are not adjusted.

    Args:
        name: the benchmark's.
        judge: how its items become numbers: `fairforget.benchmarks.judge_of(name)`.
        before: its items.
        after: the same items, scored by another model.
        order: of the domains; by default that of the items.
        seed: of the bootstrap.

    Raises:
        InputError: the items differ; says in what.
    """
    paired = _same_items(name, before, after)
    cells = []
    for domain, rows in by_domain(before, order).items():
        others = [paired[row["id"]] for row in rows]
        one, two = judge(rows), judge(others)
        both = np.hstack([one.sums, two.sums])
        width = one.sums.shape[1]
        points = [judged.statistic(judged.sums.sum(axis=0)) for judged in (one, two)]
        totals = bootstrap_totals(both, seed=seed)
        draws = [one.statistic(part) for part in (totals[:, :width], totals[:, width:])]
        changes = {
            key: _change([p[key] for p in points], [d[key] for d in draws]) for key in points[0]
        }
        changes = {key: c for key, c in changes.items() if not np.isnan([c.before, c.after]).any()}
        measure = next(iter(points[0]))
        if measure not in changes:
            continue  # a domain without a single item that the score is about
        distance = None
        if (neutral := one.neutral) is not None:
            distance = _change(
                [np.abs(p[measure] - neutral) for p in points],
                [np.abs(d[measure] - neutral) for d in draws],
            )
        gained = int((~one.verdicts & two.verdicts).sum())
        lost = int((one.verdicts & ~two.verdicts).sum())
        p = mcnemar(lost, gained)
        cells.append(
            Cell(
                benchmark=name,
                domain=domain,
                measure=measure,
                score=changes.pop(measure),
                distance=distance,
                beside=changes,
                items=len(rows),
                clusters=len(both),
                gained=gained,
                lost=lost,
                ties=(one.ties, two.ties),
                p=p,
                p_adjusted=p,
            )
        )
    return cells


def adjusted(cells: Sequence[Cell]) -> list[Cell]:
    """The same cells with p-values corrected for how many they are (Holm)."""
    values = holm([cell.p for cell in cells])
    return [replace(cell, p_adjusted=p) for cell, p in zip(cells, values, strict=True)]


def _change(points: Sequence[Floats], draws: Sequence[Floats]) -> Change:
    before, after = (float(point) for point in points)
    bounds = interval(draws[1] - draws[0])
    return Change(before, after, after - before, bounds if np.isfinite(bounds).all() else None)


def _evaluation(directory: Path) -> Path:
    """The directory, if an evaluation is in it.

    Raises:
        InputError: it holds something else; names what can be compared instead.
    """
    if (directory / RECORD).is_file():
        inside = [d for d in (BEFORE, AFTER) if (directory / d / RECORD).is_file()]
        if inside:
            raise InputError(
                f"{directory} is an unlearning run; compare "
                f"{' and '.join(str(directory / d) for d in inside)}"
            )
    return directory


def _same_settings(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    differ = [
        f"{key} {old.get(key)!r} before, {new.get(key)!r} after"
        for key in {**old, **new}
        if key not in MEASURED and old.get(key) != new.get(key)
    ]
    if differ:
        raise InputError(
            f"{name} cannot be compared: {'; '.join(differ)}; evaluate both in the same way"
        )


def _same_items(name: str, before: Sequence[Row], after: Sequence[Row]) -> dict[str, Row]:
    """The items of after by id, if they are those of before, word for word."""
    old, new = ({row["id"]: row for row in rows} for rows in (before, after))
    if old.keys() != new.keys():
        alone = [i for i in {**old, **new} if (i in old) != (i in new)]
        where = "before" if alone[0] in old else "after"
        raise InputError(
            f"{name} cannot be compared: the items differ, {len(alone)} are on one side only, such "
            f"as {alone[0]!r} ({where}); evaluate both on the same items"
        )
    for identity, row in old.items():
        for key, value in row.items():
            if isinstance(value, str) and new[identity].get(key) != value:
                raise InputError(
                    f"{name} cannot be compared: item {identity!r} has {key} {value[:60]!r} before "
                    f"and {str(new[identity].get(key))[:60]!r} after; evaluate both on the same "
                    "items"
                )
    return new


def _by_benchmark(rows: Sequence[Row]) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["benchmark"], []).append(row)
    return parts


def _notes(records: Sequence[EvaluationRecord]) -> list[str]:
    old, new = records
    notes = []
    if old.model.dtype != new.model.dtype:
        notes.append(f"Scored in {old.model.dtype} before and {new.model.dtype} after.")
    for one, other, when in ((old, new, "before"), (new, old, "after")):
        if alone := [name for name in one.results if name not in other.results]:
            notes.append(f"Measured only {when}, and not compared: {', '.join(alone)}.")
        notes += [f"{doubt} ({when})" for doubt in doubts_of(one.results)]
    return notes
