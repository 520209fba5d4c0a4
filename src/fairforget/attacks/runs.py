"""The runs whose models are attacked: each a directory, or several that differ in their seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairforget.attacks.plan import DEBIASED, ORIGINAL
from fairforget.errors import InputError
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.settings import check_names


@dataclass(frozen=True, slots=True)
class RunGroup:
    """A run, or its repetitions with other seeds."""

    name: str
    """`debiased`, or the name of the directory of a control."""
    directories: Sequence[Path]
    """One per seed."""
    records: Sequence[UnlearningRecord]

    def outputs(self, output: Path) -> list[Path]:
        """Return the directories for the evaluations of each seed."""
        parent = output / self.name
        if len(self.directories) == 1:
            return [parent]
        return [parent / directory.name for directory in self.directories]


def find_groups(run: Path, controls: Sequence[str]) -> list[RunGroup]:
    """Return the run to attack, and the controls.

    Args:
        run: the output directory of `unlearn` or `demo`, or a directory of several.
        controls: the same, of other runs.

    Raises:
        InputError: a directory has no run, two have the same name, runs are not of the same model,
            or repetitions differ in more than their seed.
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
    for group in groups:
        _check_repetitions(group)
        if group.records[0].model.weights != groups[0].records[0].model.weights:
            raise InputError(
                f"controls: {str(group.directories[0])!r} started from other weights than "
                f"{groups[0].directories[0]}; choose runs on the same model"
            )
    return groups


def _read_group(name: str, directory: Path) -> RunGroup:
    """Read the record of a finished run, or of each run in a directory of runs.

    Raises:
        InputError: there is none.
    """
    directories = [directory]
    if not (directory / RECORD).exists():
        directories = sorted(path.parent for path in directory.glob(f"*/{MODEL}"))
    for each in directories or [directory]:
        for part in (RECORD, MODEL):
            if not (each / part).exists():
                raise InputError(
                    f"{each} has no {part}; give the output directory of unlearn or demo, or a "
                    "directory of several that differ in their seed"
                )
    records = [read_record(each / RECORD, UnlearningRecord) for each in directories]
    return RunGroup(name, directories, records)


def _check_repetitions(group: RunGroup) -> None:
    """Check that runs differ in their seed, and in nothing else.

    Raises:
        InputError: they do not.
    """
    first = group.records[0]
    seeds: dict[object, Path] = {}
    for directory, record in zip(group.directories, group.records, strict=True):
        settings = {"model": record.model.weights, "corpora": record.corpora} | record.method
        expected = {"model": first.model.weights, "corpora": first.corpora} | first.method
        seed = settings.pop("seed", None)
        for name in (settings | expected).keys() - {"seed", "steps_done"}:
            if settings.get(name) != expected.get(name):
                raise InputError(
                    f"{directory} differs from {group.directories[0]} in {name}, but runs in one "
                    "directory may differ in their seed only; move it"
                )
        if seed in seeds:
            raise InputError(
                f"{directory} has the same seed as {seeds[seed]}, {seed}; runs in one directory "
                "must have different seeds"
            )
        seeds[seed] = directory
