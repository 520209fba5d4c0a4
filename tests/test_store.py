"""Reading records: what is given by mistake is named in one line, by every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairforget.comparison.compare import compare
from fairforget.errors import InputError
from fairforget.explore.pair import load_pair
from fairforget.models.gguf_export.export import export
from fairforget.records.paths import LEADERBOARD, RECORD, STUDY
from fairforget.report import write_report

from .report.runs import write_evaluation, write_leaderboard, write_unlearning


@pytest.mark.parametrize("read", [load_pair, lambda run: export(run, run / "model.gguf")])
def test_a_record_of_another_kind_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    write_evaluation(tmp_path)
    with pytest.raises(InputError) as refused:
        read(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / RECORD} is a record of kind 'evaluation', not 'unlearning'; give the output "
        "directory of unlearn or demo"
    )


def test_a_run_whose_model_was_removed_is_named(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    with pytest.raises(InputError, match=r"model has no .*; put it back, or unlearn again"):
        export(tmp_path, tmp_path / "model.gguf")


def test_a_run_without_evaluations_is_not_an_evaluation(tmp_path: Path) -> None:
    write_unlearning(tmp_path, measured=False)
    with pytest.raises(InputError, match=r"'unlearning', not 'evaluation'; .* of evaluate$"):
        compare(tmp_path, tmp_path)


def test_a_record_under_another_name_is_named(tmp_path: Path) -> None:
    write_leaderboard(tmp_path)
    (tmp_path / LEADERBOARD).rename(tmp_path / STUDY)
    with pytest.raises(InputError, match=r"'leaderboard', not 'study'; .* of transfer$"):
        write_report(tmp_path)


def test_a_damaged_record_of_the_right_kind_is_not_called_another(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"kind": "unlearning"}')
    with pytest.raises(InputError, match=r"is not a valid record: model: "):
        load_pair(tmp_path)


@pytest.mark.parametrize("read", [load_pair, write_report, lambda file: compare(file, file)])
def test_a_file_is_no_directory(tmp_path: Path, read: Callable[[Path], object]) -> None:
    write_evaluation(tmp_path / "run")
    record = tmp_path / "run" / RECORD
    with pytest.raises(InputError) as refused:
        read(record)
    assert str(refused.value) == (
        f"{record} is a file; give a directory that fairforget wrote, such as {tmp_path / 'run'}"
    )
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"is a file; give a directory that fairforget wrote$"):
        read(tmp_path / "notes.txt")
