"""The runs whose models are attacked, each with one or several seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairforget.attacks.plan import DEBIASED, ORIGINAL
from fairforget.errors import InputError
from fairforget.models.saving import check_saved
from fairforget.names import check_names
from fairforget.records.paths import MODEL, RECORD, SETTINGS
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record


@dataclass(frozen=True, slots=True)
class RunGroup:
    """A run, or several runs that differ only in their seed."""

    name: str
    """`debiased`, or the name of the directory of a control."""
    directories: Sequence[Path]
    """One per seed."""
    records: Sequence[UnlearningRecord]

    def outputs(self, output: Path) -> list[Path]:
        """Return the directory for the evaluations of each seed."""
        parent = output / self.name
        if len(self.directories) == 1:
            return [parent]
        return [parent / directory.name for directory in self.directories]


def find_groups(run: Path, controls: Sequence[str]) -> list[RunGroup]:
    """Return the run to attack, and the controls.

    Args:
        run: the output directory of `unlearn` or `demo`, or a directory that contains several.
        controls: the same, for each control.

    Raises:
        InputError: a directory has no run, two have the same name, a run is listed twice,
            runs are not of the same model, or repetitions differ in more than their seed.
    """
    check_names("controls", controls, empty=True)
    groups = [_read_group(DEBIASED, run)]
    for control in controls:
        name = Path(control).resolve().name
        if name in (ORIGINAL, *(group.name for group in groups)):
            raise InputError(
                f"controls: the name of the directory {control!r} is taken; rename the directory"
            )
        groups.append(_read_group(name, Path(control)))
    known: set[Path] = set()
    for group in groups:
        _check_repetitions(group)
        paths = {directory.resolve() for directory in group.directories}
        if repeated := known & paths:
            raise InputError(
                f"controls: {str(min(repeated))!r} is already the debiased run or another control; "
                "choose a run with other settings"
            )
        known |= paths
        if group.records[0].model.weights != groups[0].records[0].model.weights:
            raise InputError(
                f"controls: {str(group.directories[0])!r} started from other weights than "
                f"{groups[0].directories[0]}; choose runs on the same model"
            )
    return groups


def _read_group(name: str, directory: Path) -> RunGroup:
    """Read the record of a finished run, or of each run in a directory of runs.

    Raises:
        InputError: no run is found, or a run is not finished.
    """
    directories = [directory]
    if not (directory / RECORD).exists():
        directories = sorted(filter(_is_run, directory.glob("*/")))
    for each in directories or [directory]:
        for part in (RECORD, MODEL):
            if not (each / part).exists():
                raise InputError(
                    f"{each} has no {part}; give the output directory of unlearn or demo, or a "
                    "directory that contains several that differ only in their seed"
                )
        check_saved(each / MODEL)
    records = [read_record(each / RECORD, UnlearningRecord) for each in directories]
    return RunGroup(name, directories, records)


def _is_run(directory: Path) -> bool:
    """Whether a directory has a run, finished or not: one must not be left out silently."""
    if (directory / MODEL).exists():
        return True
    try:
        settings = json.loads((directory / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("command") == "unlearn"


def _check_repetitions(group: RunGroup) -> None:
    """Check that runs have the same model, corpora and settings, but different seeds.

    Raises:
        InputError: they do not.
    """
    expected = _settings_of(group.records[0])
    seeds: dict[str, Path] = {}
    for directory, record in zip(group.directories, group.records, strict=True):
        settings = _settings_of(record)
        for name in expected | settings:
            if settings.get(name) != expected.get(name):
                raise InputError(
                    f"{directory} differs from {group.directories[0]} in {name}; runs in one "
                    "directory may differ only in their seed: move it to another directory"
                )
        seed = str(record.method.get("seed"))
        if seed in seeds:
            raise InputError(
                f"{seeds[seed]} and {directory} have the same seed ({seed}); runs in one directory "
                "must have different seeds"
            )
        seeds[seed] = directory


def _settings_of(record: UnlearningRecord) -> dict[str, Any]:
    """Return what two runs that differ only in their seed share, by name."""
    budget = record.budget
    limits: list[Any] = [budget.asked, budget.max_alpha, budget.movement_asked]
    limits.append({name: facts.asked for name, facts in budget.others.items()})
    limits.append({name: facts.asked for name, facts in budget.movements.items()})
    limits.append(budget.harmful_words and budget.harmful_words.asked)
    method = {
        name: value for name, value in record.method.items() if name not in ("seed", "steps_done")
    }
    model = record.model
    return {
        "model": (model.weights, model.dtype, model.start_token),
        # their numbers of texts may depend on the seed
        "corpora": [(corpus.name, corpus.role, corpus.domain) for corpus in record.corpora],
        "budget": limits,
        **method,
    }
