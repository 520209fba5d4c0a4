"""Dose-response: a run's bias at several points between the original weights and its result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from torch import Tensor

from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.stereoset.scores import UNBIASED
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.models.language_model import LanguageModel
from fairforget.names import split_commas
from fairforget.records.paths import DOSES, RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import read_record
from fairforget.training.weights import WeightLine
from fairforget.transfer_study.groups import Group
from fairforget.transfer_study.plan import StudyRun
from fairforget.transfer_study.record import Dose

if TYPE_CHECKING:
    from fairforget.transfer_study.runs import FinishedStudyRun

BENCHMARK = "stereoset"
"""The benchmark that is run at each dose."""


def parse_doses(doses: str, benchmarks: Sequence[str]) -> dict[str, float]:
    """Return the shares of a run's update, in ascending order, by the name of their directory.

    Args:
        doses: comma-separated shares between 0 and 1.
        benchmarks: those of the study.

    Raises:
        InputError: a dose is no number between 0 and 1 or is repeated, or the study lacks
            StereoSet.
    """
    shares = sorted(map(_share, split_commas(doses)))
    if len({*shares}) < len(shares):
        raise InputError(f"doses: {doses} repeats a dose; remove one")
    if shares and not select_benchmarks(benchmarks):
        raise InputError(f"doses are measured on {BENCHMARK}; add it to --benchmarks")
    return {repr(share): share for share in shares}


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise InputError(
            f"doses: {text!r} is not a number between 0 and 1, such as 0.5; the original (0) and "
            "the result (1) are always measured"
        )
    return share


def check_dose_dtype(doses: str, dtype: str | None) -> None:
    """Check that a dose is a share of the update; weights of less precision are rounded.

    Args:
        doses: as for `parse_doses`.
        dtype: of the weights; None for float32.

    Raises:
        InputError: there are doses, and the dtype is not float32.
    """
    if split_commas(doses) and dtype not in (None, "float32"):
        raise InputError(
            f"doses: {dtype} rounds the weights, so a dose would not be an exact share of the "
            "update; use --dtype float32, or remove --doses"
        )


def select_benchmarks(benchmarks: Sequence[str]) -> list[str]:
    """Return the benchmarks of a study, with options, that are run at each dose."""
    return [name for name in benchmarks if base_name(name) == BENCHMARK]


def evaluate_doses(
    directory: Path,
    language_model: LanguageModel,
    original: Mapping[str, Tensor],
    doses: Mapping[str, float],
    benchmarks: Sequence[str],
) -> None:
    """Evaluate θ₀ + d(θ − θ₀) for each dose d, and write it to `doses/d`.

    Args:
        directory: of the run.
        language_model: with the weights θ of the run's result, which it has again at the end.
        original: θ₀, by the names of the model's parameters.
        doses: from `parse_doses`.
        benchmarks: those of the study.
    """
    if not doses:
        return
    line = WeightLine(language_model.model, original)
    for name, dose in doses.items():
        line.move_to(dose)
        evaluate_into(directory / DOSES / name, language_model, select_benchmarks(benchmarks))
    line.move_to(1.0)


def read_doses(directory: Path, doses: Iterable[str]) -> dict[float, EvaluationRecord]:
    """Return dose → its scores, as `evaluate_doses` wrote them.

    Args:
        directory: of the run.
        doses: names of directories, from `parse_doses`.

    Raises:
        InputError: a record is missing or damaged.
    """
    return {
        float(name): read_record(directory / DOSES / name / RECORD, EvaluationRecord)
        for name in doses
    }


def dose_response(
    before: EvaluationRecord, finished: Mapping[StudyRun, FinishedStudyRun]
) -> list[Dose]:
    """Return the mean score of each group of runs at each dose, for every bias score and domain.

    Args:
        before: the original model's scores, which are those at dose 0.
        finished: the runs; their results are dose 1.
    """
    scores: dict[tuple[Group, str, str, str, float], list[float]] = {}
    for run, result in finished.items():
        for dose, record in sorted({0.0: before, **result.doses, 1.0: result.after.record}.items()):
            for benchmark in select_benchmarks(list(before.results)):
                for domain, values in record.results[benchmark]["domains"].items():
                    for measure in UNBIASED:
                        if measure in values:
                            key = (run.group, benchmark, measure, domain, dose)
                            scores.setdefault(key, []).append(float(values[measure]))
    return [
        Dose(
            *(forget, control, method, benchmark, measure, domain, dose),
            score=fmean(values),
            seeds=len(values),
        )
        for ((forget, method, control), benchmark, measure, domain, dose), values in scores.items()
    ]
