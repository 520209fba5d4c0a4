"""The report page of a transfer study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.score_change import Score
from fairforget.records.paths import STUDY
from fairforget.records.store import read_record
from fairforget.report.evidence import list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.frontier import Frontier, Point, frontiers, points_table
from fairforget.report.frontier_points import original_point
from fairforget.report.tables import Table
from fairforget.report.wording import NONE, flatten
from fairforget.statistics.jackknife import too_few
from fairforget.transfer_study.record import MatrixCell, MatrixRow, StudyRecord
from fairforget.transfer_study.report.costs import costs_table
from fairforget.transfer_study.report.dose_plot import dose_plots
from fairforget.transfer_study.report.heat_map import HeatMap, heat_map
from fairforget.transfer_study.report.omnibus import omnibus_table
from fairforget.transfer_study.report.row_names import FOLDED, row_label, score_name, shared_corpus
from fairforget.transfer_study.report.summary import count_verdicts, describe_gaps, headline
from fairforget.transfer_study.report.tables import (
    answer_table,
    cells_table,
    excess_table,
    rows_table,
)

TEMPLATE = "study.html.j2"


@dataclass(frozen=True, slots=True)
class BenchmarkPart:
    """The results of a study on one bias score of a benchmark."""

    benchmark: str
    measure: str
    counts: str
    """Number of cells with each verdict, in sentences."""
    answer: Table
    map: HeatMap
    excess: Table
    rows: Table
    costs: Table | None
    """Costs of the whole benchmark; only in the part of its first bias score."""
    folded: bool
    """Whether the page folds it away."""

    @property
    def title(self) -> str:
        """The benchmark and the bias score."""
        return score_name(self.benchmark, self.measure)

    @property
    def tables(self) -> list[Table]:
        """All tables, in reading order."""
        costs = [self.costs] if self.costs else []
        return [self.answer, self.rows, *costs, self.map.table(), self.excess]


def read(directory: Path) -> StudyRecord:
    """The study in a directory."""
    return read_record(directory / STUDY, StudyRecord)


def context(study: StudyRecord) -> dict[str, Any]:
    """The variables of the template."""
    points = study_points(study)
    seeds = max((row.seeds for row in study.rows), default=0)
    return {
        "seeds": seeds,
        "headline": headline(study),
        "by_benchmark": parts(study),
        "omnibus": omnibus_table(study.omnibus) if study.omnibus else None,
        "doses": dose_plots(study),
        "cells": cells_table(study),
        "frontiers": list(map(draw_methods_last, frontiers(points))),
        "points": points_table(points),
        "failed": [(failure.run, failure.summary or NONE) for failure in study.failed],
        "gaps": describe_gaps(study),
        "settings": pairs_table(
            "Settings",
            [*flatten(study.settings), ("start token of every text", study.model.start_token)],
        ),
        "limitations": list_limitations(
            dict.fromkeys(cell.benchmark for cell in study.matrix),
            "study" if seeds > 1 else "changes",
        ),
    }


def parts(study: StudyRecord) -> list[BenchmarkPart]:
    """One part for each bias score of each benchmark, in the order of the study."""
    built: list[BenchmarkPart] = []
    for benchmark, measure in dict.fromkeys((c.benchmark, c.measure) for c in study.matrix):
        matrix = [c for c in study.matrix if (c.benchmark, c.measure) == (benchmark, measure)]
        of_benchmark = [row for row in study.rows if row.benchmark == benchmark]
        rows = [row for row in of_benchmark if row.measure == measure]
        first = benchmark not in {part.benchmark for part in built}
        built.append(
            BenchmarkPart(
                benchmark=benchmark,
                measure=measure,
                counts=" ".join(count_verdicts(matrix)),
                answer=answer_table(benchmark, measure, matrix),
                map=heat_map(benchmark, measure, matrix),
                excess=excess_table(benchmark, measure, matrix),
                rows=rows_table(benchmark, measure, rows),
                costs=costs_table(benchmark, of_benchmark) if first else None,
                folded=measure in FOLDED,
            )
        )
    return built


def study_points(study: StudyRecord) -> list[Point]:
    """The rows of a study on its first StereoSet, each a mean over seeds and domains."""
    corpus = shared_corpus(study.rows)
    names = [
        (row.benchmark, row.measure)
        for row in study.rows
        if base_name(row.benchmark) == "stereoset"
    ]
    rows = [
        (row, cells, _point_cells(replace(row, measure=SCALED_CONTRIBUTION), study.matrix))
        for row in study.rows
        if (row.benchmark, row.measure) in names[:1] and (cells := _point_cells(row, study.matrix))
    ]
    points = [
        Point(
            name=row_label(row, corpus),
            bias=_mean_distance_after(cells),
            perplexity=Score(100 * (row.perplexity_ratio - 1)),
            lms=_lms_change(row),
            contribution=_mean_distance_after(contributions) if contributions else None,
            control=row.control is not None,
        )
        for row, cells, contributions in rows
    ]
    if rows:
        _, cells, contributions = rows[0]
        before = _mean_distance_before(contributions) if contributions else None
        points.insert(0, original_point(_mean_distance_before(cells), before))
    return points


def draw_methods_last(plot: Frontier) -> Frontier:
    """The plot with controls before methods, so that no control covers a method."""
    return replace(plot, points=sorted(plot.points, key=lambda point: point.kind == "method"))


def _lms_change(row: MatrixRow) -> Score | None:
    if row.lms_before is None or row.lms_after is None:
        return None
    return Score(row.lms_after - row.lms_before)


def _mean_distance_before(cells: Sequence[MatrixCell]) -> Score:
    """The mean distance of the original's scores from no bias."""
    return Score(fmean(map(_distance_before, cells)))


def _mean_distance_after(cells: Sequence[MatrixCell]) -> Score:
    """The same of the results: the mean over seeds of distances, not the distance of a mean."""
    return Score(fmean(_distance_before(cell) + cell.bias.value for cell in cells))


def _distance_before(cell: MatrixCell) -> float:
    return abs(cell.before - measure_of(cell.measure).ideal)


def _point_cells(row: MatrixRow, matrix: Sequence[MatrixCell]) -> list[MatrixCell]:
    """The single domains of a row; those with too few terms only if there are no others."""
    single = [cell for cell in matrix if cell.key == row.key and cell.domain != ALL]
    return [cell for cell in single if not too_few(cell.clusters)] or single
