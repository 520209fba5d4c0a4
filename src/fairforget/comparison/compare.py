"""Comparison of two evaluations, benchmark by benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fairforget.benchmarks import find_judge, is_seeded
from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.limitations import find_limitations
from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.paired import Cell, adjust_p_values, compare_items
from fairforget.comparison.score_change import Change
from fairforget.errors import InputError
from fairforget.frames import TabularResult
from fairforget.records.environment import find_differences
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import AFTER, BEFORE, RECORD
from fairforget.records.records import EvaluationRecord, ModelFacts

MEASUREMENTS = ("domains", "value", "metrics", "written", "word_order", "covered")
"""Fields of a result that may differ; all others are settings, which must be equal."""


@dataclass(frozen=True, repr=False)
class Comparison(TabularResult):
    """Comparison of two evaluations on the same items; prints as the tables of the command.

    Its DataFrame has one row per benchmark, domain and bias score.
    """

    before: ModelFacts
    after: ModelFacts
    cells: tuple[Cell, ...]
    perplexity: dict[str, Change]
    """Benchmark → its perplexity before and after."""
    notes: tuple[str, ...]
    """Warnings about these two evaluations."""
    limitations: tuple[str, ...]
    """Known limitations of the benchmarks."""
    kind: Literal["comparison"] = "comparison"
    version: int = 1

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for cell in self.cells:
            low, high = cell.score.ci or (None, None)
            bias = cell.distance
            bias_low, bias_high = (bias and bias.ci) or (None, None)
            rows.append(
                {
                    "benchmark": cell.benchmark,
                    "domain": cell.domain,
                    "measure": cell.measure,
                    "before": cell.score.before,
                    "after": cell.score.after,
                    "delta": cell.score.delta,
                    "delta_low": low,
                    "delta_high": high,
                    "bias_delta": bias.delta if bias else None,
                    "bias_delta_low": bias_low,
                    "bias_delta_high": bias_high,
                    "p": cell.p,
                    "p_adjusted": cell.p_adjusted,
                    "verdict": cell.verdict,
                }
            )
        for name, change in self.perplexity.items():
            rows.append(
                {
                    "benchmark": name,
                    "measure": "perplexity",
                    "before": change.before,
                    "after": change.after,
                    "delta": change.delta,
                }
            )
        return rows

    def _show(self) -> None:
        from fairforget.report.comparison_terminal import show_comparison

        show_comparison(self)


def compare(before: Evaluation | str | Path, after: Evaluation | str | Path) -> Comparison:
    """Compare two evaluations: paired differences with intervals and tests.

    Args:
        before: the first evaluation, or its directory.
        after: the second evaluation, or its directory, with the same protocols and items.

    Returns:
        One cell per benchmark, domain and bias score, and the changes of perplexity.

    Raises:
        InputError: a directory is not an evaluation, or the two cannot be compared; names the
            difference.
    """
    sides = [
        side if isinstance(side, Evaluation) else _read_evaluation(Path(side))
        for side in (before, after)
    ]
    old, new = (side.record.results for side in sides)
    if not old.keys() & new.keys():
        names = [_describe(side) for side in sides]
        raise InputError(
            f"{names[0]} and {names[1]} have no benchmark in common: {', '.join(old) or 'none'} "
            f"before, {', '.join(new) or 'none'} after; evaluate both on the same benchmarks"
        )
    return compare_evaluations(*sides)


def _describe(evaluation: Evaluation) -> str:
    return str(evaluation.directory or evaluation.record.model.source)


def compare_evaluations(before: Evaluation, after: Evaluation) -> Comparison:
    """Compare two evaluations; without scored items, there are no cells.

    Raises:
        InputError: they cannot be compared; names the difference.
    """
    records = [before.record, after.record]
    old, new = (record.results for record in records)
    shared = [name for name in old if name in new]
    _check_servers(records)
    for name in shared:
        check_settings(name, old[name], new[name])
    cells = []
    if before.items and after.items:
        cells = [cell for name in shared for cell in _compare_benchmark(name, before, after)]
    return Comparison(
        before=records[0].model,
        after=records[1].model,
        cells=tuple(adjust_p_values(cells)),
        perplexity={
            name: _change(float(old[name]["value"]), float(new[name]["value"]))
            for name in shared
            if "value" in old[name]
        },
        notes=(*_notes(records), *_note_gaps(shared, before, cells)),
        limitations=tuple(find_limitations(shared)),
    )


def _change(before: float, after: float) -> Change:
    return Change(before, after, after - before)


def _check_servers(records: Sequence[EvaluationRecord]) -> None:
    served = [record.model.server for record in records]
    if any(served) and not all(served):
        raise InputError(
            "a served model can only be compared with a served model: the server samples "
            "differently and chooses the start token; evaluate both with --server, or both without"
        )


def _compare_benchmark(name: str, before: Evaluation, after: Evaluation) -> list[Cell]:
    """Compare the items before and after, by domain; none if the benchmark has no judge of items.

    Raises:
        InputError: the items differ, or are damaged.
    """
    judge, sides = find_judge(name), (before, after)
    old, new = (side.items_of(name) for side in sides)
    if not judge or not (old or new):
        return []
    order = [domain for domain in _domains(before, name) if domain != ALL]
    origin = f"of {' or '.join(map(_describe, sides))}"
    return compare_items(name, judge, old, new, order=order, origin=origin)


def _domains(evaluation: Evaluation, benchmark: str) -> list[str]:
    """The domains in the record of a benchmark; lm-eval has none."""
    return [*evaluation.record.results[benchmark].get("domains", ())]


def _read_evaluation(directory: Path) -> Evaluation:
    """The evaluation in a directory.

    Raises:
        InputError: the directory is an unlearning run, and then names its evaluations; or it is not
            an evaluation.
    """
    if (directory / RECORD).is_file():
        evaluations = [d for d in (BEFORE, AFTER) if (directory / d / RECORD).is_file()]
        if evaluations:
            raise InputError(
                f"{directory} is an unlearning run; compare "
                f"{' and '.join(str(directory / d) for d in evaluations)}"
            )
    return read_evaluation(directory)


def check_settings(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that two results of a benchmark have the same settings, such as its protocol.

    Args:
        name: of the benchmark.
        old: its result before.
        new: its result after.

    Raises:
        InputError: they differ; names the differences.
    """
    differences = [
        f"{key} {_describe_setting(old, key)} before, {_describe_setting(new, key)} after"
        for key in {**old, **new}
        if key not in MEASUREMENTS and old.get(key) != new.get(key)
    ]
    if differences:
        raise InputError(
            f"{name} cannot be compared: {'; '.join(differences)}; evaluate both with the same "
            "settings and version of FairForget"
        )


def _describe_setting(result: Mapping[str, Any], key: str) -> str:
    return repr(result[key]) if key in result else "not recorded"


def _notes(records: Sequence[EvaluationRecord]) -> list[str]:
    old, new = records
    notes = []
    if old.model.dtype != new.model.dtype:
        notes.append(
            f"Scored in {old.model.dtype} before and {new.model.dtype} after, so part of every "
            "change is rounding; for the effect alone, evaluate both with --dtype float32."
        )
    if differing := find_differences(old.environment, new.environment):
        pairs = [
            f"{name} {one} before and {other} after" for name, (one, other) in differing.items()
        ]
        notes.append(
            f"Scored with {', '.join(pairs)}, so part of a change may come from that; for the "
            "effect alone, evaluate both in the same environment."
        )
    if old.model.server != new.model.server:
        notes.append(
            f"Generated by {old.model.server} before and {new.model.server} after; sampling may "
            "differ between servers."
        )
    sampled = [name for name in old.results if name in new.results and is_seeded(name)]
    if old.seed != new.seed and sampled:
        notes.append(
            f"Evaluated with seed {old.seed} before and {new.seed} after, so part of a change may "
            f"be chance in {', '.join(sampled)}; for the effect alone, evaluate both with the same "
            "--seed."
        )
    for record, other, side in ((old, new, "before"), (new, old, "after")):
        if unmatched := [name for name in record.results if name not in other.results]:
            notes.append(f"Measured only {side}, so not compared: {', '.join(unmatched)}.")
        notes += [f"{warning} ({side})" for warning in find_warnings(record.results)]
    return notes


def _note_gaps(shared: Sequence[str], before: Evaluation, cells: Sequence[Cell]) -> list[str]:
    """Notes on the benchmarks and domains in both evaluations that have no cell."""
    scored = {(cell.benchmark, cell.domain) for cell in cells}
    compared = {benchmark for benchmark, _ in scored}
    notes = []
    for name in filter(compared.__contains__, shared):
        measured = {row["domain"] for row in before.items_of(name)} | {ALL}
        missing = [
            domain
            for domain in _domains(before, name)
            if domain in measured and (name, domain) not in scored
        ]
        if missing:
            notes.append(
                f"{name}: no main score before or after in {', '.join(missing)}, so not compared."
            )
    results = before.record.results
    if skipped := [n for n in shared if n not in compared and "value" not in results[n]]:
        notes.append(
            f"Not compared item by item: {', '.join(skipped)}; both records have the scores."
        )
    return notes
