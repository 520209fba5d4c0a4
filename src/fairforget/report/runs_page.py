"""What the report of several unlearning runs shows: their bias against their damage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairforget.report.contents import Runs
from fairforget.report.frontier import Point, frontiers, points_table, run_points
from fairforget.report.headline import Headline
from fairforget.report.limitations import list_limitations


def context(runs: Runs) -> dict[str, Any]:
    """The variables of `runs.html.j2`."""
    points = run_points(runs.runs)
    measured = [name for _, run in runs.runs if run.after for name in run.after.record.results]
    return {
        "headline": headline(points),
        "frontiers": frontiers(points),
        "points": points_table(points),
        "limitations": list_limitations(measured, verdicts=False),
    }


def headline(points: Sequence[Point]) -> Headline:
    """How many runs there are; what they reached is for the plot to say."""
    runs = [p for p in points if not p.original]
    if not runs:
        return Headline("No run was measured", ["None of them was measured before and after."])
    controls = sum(p.control for p in runs)
    return Headline(
        f"{len(runs)} unlearning run{'' if len(runs) == 1 else 's'}, bias against damage",
        [
            "Less bias counts only at the same damage, and only where the controls "
            + (
                f"({controls} of these runs) do worse."
                if controls
                else "do worse: none of these runs is one."
            )
        ],
    )
