"""After unlearning: card, report and output of a measured run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.cli.finish import finish

from .report.runs import write_evaluation, write_unlearning


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (write_unlearning(tmp_path) / "model").mkdir()
    record = tmp_path / "record.json"
    settings = json.loads(record.read_text())
    settings["method"] |= {"selection": "spans", "steps": 3}
    record.write_text(json.dumps(settings))
    return tmp_path


def test_json_is_all_that_is_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finish(run, measured=True, push_to_hub=None, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["record"]["kind"] == "unlearning"
    assert found["comparison"]["kind"] == "comparison"
    assert (run / "report.html").exists()
    assert (run / "model" / "README.md").exists()


def test_json_has_no_numbers_that_are_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text())
    record["history"] = [{"step": 5, "loss": "NaN"}]
    (run / "record.json").write_text(json.dumps(record))
    finish(run, measured=False, push_to_hub=None, json=True)

    def none(name: str) -> None:
        raise AssertionError(name)

    json.loads(capsys.readouterr().out, parse_constant=none)


def test_a_person_reads_tables_of_eighty_columns(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    finish(run, measured=True, push_to_hub=None, json=False)
    shown = capsys.readouterr().out
    tables = [line for line in shown.splitlines() if "Written" not in line]
    assert max(map(len, tables)) <= 80
    assert "\x1b" not in shown
    assert "Written: " in shown


def test_an_edited_card_is_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "model" / "README.md").write_text("mine")
    finish(run, measured=True, push_to_hub=None, json=False)
    assert (run / "model" / "README.md").read_text() == "mine"


def test_evaluate_prints_its_record_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(tmp_path)
    settings = {
        "command": "evaluate",
        "model": "tiny",
        "benchmarks": "stereoset",
        "seed": 0,
        "dtype": None,
        "start_token": None,
        "trust_remote_code": False,
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    main(["evaluate", "tiny", "--output", str(tmp_path), "--json", "true"])
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((tmp_path / "record.json").read_text())
