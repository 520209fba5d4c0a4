"""The report page of several unlearning runs: remaining bias against utility loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairforget.report.contents import UnlearningRun, read_runs
from fairforget.report.evidence import list_limitations
from fairforget.report.frontier import Point, frontiers, points_table
from fairforget.report.frontier_points import describe_differences, run_points, shared_benchmark
from fairforget.report.headline import Headline
from fairforget.report.wording import benchmark_name
from fairforget.terminal.messages import count_of

TEMPLATE = "runs.html.j2"


def read(directory: Path) -> list[tuple[str, UnlearningRun]]:
    """The unlearning runs of a directory, by name."""
    return read_runs(directory)


def context(runs: Sequence[tuple[str, UnlearningRun]]) -> dict[str, Any]:
    """The variables of the template."""
    benchmark = shared_benchmark(runs)
    points = run_points(runs, benchmark) if benchmark else []
    caution = describe_differences(runs, benchmark) if benchmark else ""
    name = benchmark_name(benchmark) if benchmark else ""
    benchmarks = [name for _, run in runs if run.after for name in run.after.record.results]
    return {
        "headline": headline(points, len(runs), name, caution=caution),
        "benchmark": name,
        "frontiers": frontiers(points),
        "points": points_table(points),
        "limitations": list_limitations(benchmarks, "scores"),
    }


def headline(points: Sequence[Point], total: int, benchmark: str, *, caution: str = "") -> Headline:
    """The number of runs and of controls; the plot has their results.

    Args:
        points: the runs in the plot.
        total: number of all runs.
        benchmark: name of the benchmark in the plot.
        caution: why the runs cannot be compared.
    """
    runs = [point for point in points if not point.original]
    if not runs:
        return Headline(
            "No run was measured",
            ["No run was evaluated on a bias benchmark both before and after."],
        )
    missing = total - len(runs)
    controls = sum(point.control for point in runs)
    return Headline(
        f"{len(runs)} unlearning run{'' if len(runs) == 1 else 's'}: bias against utility loss",
        [
            *([caution] if caution else []),
            "Compare methods at the same utility loss, and with the controls"
            + (f" ({controls} of these runs)." if controls else ": none of these runs is one."),
            *(
                [
                    f"Left out: {count_of(missing, 'run')} without an evaluation on {benchmark} "
                    "both before and after."
                ]
                if missing
                else []
            ),
        ],
    )
