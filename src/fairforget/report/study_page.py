"""What the report of a transfer study shows: what each forgetting did to each domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairforget.report.facts import pairs_table
from fairforget.report.frontier import frontiers, points_table, study_points
from fairforget.report.heat_map import HeatMap, heat_map
from fairforget.report.limitations import LEFT_OUT, list_limitations
from fairforget.report.study_tables import (
    answer_table,
    cells_table,
    costs_table,
    excess_table,
    rows_table,
)
from fairforget.report.study_words import count_noun, headline
from fairforget.report.tables import Table
from fairforget.report.wording import NONE, flatten
from fairforget.transfer_study.record import StudyRecord


@dataclass(frozen=True, slots=True)
class BenchmarkPart:
    """What the study says by one benchmark."""

    counts: str
    """How many cells have each verdict."""
    answer: Table
    map: HeatMap
    excess: Table
    rows: Table
    costs: Table

    @property
    def tables(self) -> list[Table]:
        """All of them, in the order in which they are read."""
        return [self.answer, self.rows, self.costs, self.map.table(), self.excess]


def parts(study: StudyRecord) -> list[BenchmarkPart]:
    """One for each benchmark, in their order."""
    return [
        BenchmarkPart(
            counts=" ".join(count_noun([c for c in study.matrix if c.benchmark == benchmark])),
            answer=answer_table(benchmark, study.matrix),
            map=heat_map(benchmark, study.matrix),
            excess=excess_table(benchmark, study.matrix),
            rows=rows_table(benchmark, study.rows),
            costs=costs_table(benchmark, study.rows),
        )
        for benchmark in dict.fromkeys(cell.benchmark for cell in study.matrix)
    ]


def context(study: StudyRecord) -> dict[str, Any]:
    """The variables of `study.html.j2`."""
    points = study_points(study)
    return {
        "headline": headline(study.matrix),
        "by_benchmark": parts(study),
        "cells": cells_table(study),
        "frontiers": frontiers(points),
        "points": points_table(points),
        "failed": [(failure.run, _last_line(failure.error)) for failure in study.failed],
        "settings": pairs_table("Settings", flatten(study.settings)),
        "limitations": list_limitations(
            dict.fromkeys(cell.benchmark for cell in study.matrix),
            verdicts=False,
            intervals=LEFT_OUT,
        ),
    }


def _last_line(error: str) -> str:
    """What an error says in the end; an en dash where it says nothing."""
    return next(reversed(error.splitlines()), "") or NONE
