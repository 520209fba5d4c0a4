"""What commands that evaluate many models share: `transfer`, `leaderboard` and `durability`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.options import hash_option_files
from fairforget.extras import check_report_extra
from fairforget.machine.cluster import Attempts, workers
from fairforget.machine.devices import select_device
from fairforget.machine.processes import check_no_launch
from fairforget.machine.runs import VERSIONS
from fairforget.records.outputs import release_output
from fairforget.report import write_report
from fairforget.settings import ClusterSettings, DurabilitySettings, ModelSettings


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


def find_device(settings: ModelSettings) -> str:
    """Return the kind of device, which runs on other machines must also use."""
    return settings.device or select_device(None).type


def start_workers(settings: ClusterSettings, device: str) -> AbstractContextManager[Attempts]:
    """Return the `workers` that the settings ask for."""
    return workers(
        settings.cluster, cpus=settings.cpus_per_run, gpus=settings.gpus_per_run, device=device
    )


def fixed_settings(benchmarks: Sequence[str], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must stay the same between calls on an output directory.

    Args:
        benchmarks: with options; what their scores depend on is added.
        others: all else that the evaluations in the directory depend on.
    """
    return {
        **others,
        "benchmarks": list(benchmarks),
        "items": hash_option_files(benchmarks),
        **fingerprint_benchmarks(benchmarks),
        "versions": VERSIONS,
    }
