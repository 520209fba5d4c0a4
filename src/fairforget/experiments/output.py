"""The output directory of `transfer`, `leaderboard` and `durability`: its settings and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.experiments.runs import VERSIONS, benchmark_versions
from fairforget.extras import check_report_extra
from fairforget.machine.processes import check_no_launch
from fairforget.records.outputs import release_output
from fairforget.report import write_report
from fairforget.settings import ClusterSettings, DurabilitySettings


@contextmanager
def reported_output(
    directory: Path, settings: ClusterSettings | DurabilitySettings
) -> Iterator[None]:
    """A context in which an output directory is filled; then its report is written.

    The directory is unlocked at the end, also after an error.

    Args:
        directory: the output directory.
        settings: of the command.

    Raises:
        InputError: a launcher started several processes, or the extra `report` is not installed.
    """
    has_cluster = isinstance(settings, ClusterSettings)
    check_no_launch("for several runs at once, use --cluster ray" if has_cluster else "")
    check_report_extra()
    try:
        yield
        write_report(directory)
    finally:
        release_output(directory)


def fixed_settings(benchmarks: Sequence[str], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must stay the same between calls on an output directory.

    Args:
        benchmarks: with options; what their scores depend on is added.
        others: all else that the evaluations in the directory depend on.
    """
    return {
        **others,
        "benchmarks": list(benchmarks),
        **fingerprint_benchmarks(benchmarks),
        "versions": VERSIONS | benchmark_versions(benchmarks),
    }
