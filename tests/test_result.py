"""What a command prints of a finished run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.cli import main, rerun
from fairforget.cli.output import print_result
from fairforget.cli.rerun import rerun_command
from fairforget.cli.result import show_result
from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.rerun import Difference, RerunComparison
from fairforget.comparison.score_change import Change
from fairforget.debiasing.result import DebiasResult
from fairforget.records.evaluation import read_evaluation
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record, write_record

from .models import tiny_model
from .report.runs import write_evaluation, write_unlearning


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (write_unlearning(tmp_path) / "model").mkdir()
    record = tmp_path / "record.json"
    settings = json.loads(record.read_text())
    settings["method"] |= {"selection": "spans", "steps": 3}
    record.write_text(json.dumps(settings))
    return tmp_path


def result(run: Path, *, measured: bool = True) -> DebiasResult:
    evaluations = [
        read_evaluation(run / part) if measured else None for part in ("before", "after")
    ]
    return DebiasResult(read_record(run / "record.json", UnlearningRecord), *evaluations, run)


def test_json_is_all_that_is_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_result(result(run), run, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["record"]["kind"] == "unlearning"
    assert found["comparison"]["kind"] == "comparison"


def test_json_has_no_numbers_that_are_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text())
    record["history"] = [{"step": 5, "loss": "NaN"}]
    (run / "record.json").write_text(json.dumps(record))
    show_result(result(run, measured=False), run, json=True)

    def none(name: str) -> None:
        raise AssertionError(name)

    json.loads(capsys.readouterr().out, parse_constant=none)


KEY = "sk-0123456789abcdefghij"


def test_json_has_no_secrets(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text())
    record["command"] = {"server": KEY}
    (run / "record.json").write_text(json.dumps(record))
    show_result(result(run, measured=False), run, json=True)
    shown = capsys.readouterr().out
    assert KEY not in shown
    assert json.loads(shown)["record"]["command"] == {"server": "…"}


def test_a_comparison_that_was_written_can_be_read(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if a model diverged; and its file and output have no secrets."""
    diverged = Change(1.0, math.inf, math.nan)
    compared = replace(compare(run / "before", run / "after"), notes=(KEY,))
    compared = replace(compared, perplexity={"perplexity": diverged})
    write_record(compared, run / "comparison.json")
    print_result(compared, json=True, show=lambda _: None)
    text = (run / "comparison.json").read_text()
    assert text == capsys.readouterr().out
    read = read_record(run / "comparison.json", Comparison)
    assert read.notes == ("…",)
    change = read.perplexity["perplexity"]
    assert (change.before, change.after) == (1.0, math.inf)
    assert math.isnan(change.delta)


def test_a_repeated_run_is_printed_in_the_same_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = RerunComparison(1, (), (Difference("processor", math.nan, KEY),))
    monkeypatch.setattr(rerun, "load_command", lambda *_, **__: (lambda **_: None, "cpu"))
    monkeypatch.setattr("fairforget.comparison.rerun.compare_runs", lambda *_: found)
    (tmp_path / "record.json").touch()
    rerun_command(tmp_path / "record.json", output=tmp_path / "again", json=True)
    (shown,) = json.loads(capsys.readouterr().out)["environment"]
    assert shown == {"where": "processor", "before": "NaN", "after": "…"}


def test_a_person_reads_tables_of_eighty_columns(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_result(result(run), run)
    shown = capsys.readouterr().out
    tables = [line for line in shown.splitlines() if "Written" not in line]
    assert max(map(len, tables)) <= 80
    assert "\x1b" not in shown
    names = (run / "model", run / "record.json", run / "report.html")
    assert "Written: {}, {} and {}".format(*names) in shown


def test_every_forget_corpus_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "record.json").read_text())
    corpus = record["corpora"][0]
    record["corpora"] = [*record["corpora"], corpus | {"name": "pronouns"}]
    (run / "record.json").write_text(json.dumps(record))
    show_result(result(run, measured=False), run)
    assert "on spans tokens of builtin and pronouns, 3 steps" in capsys.readouterr().out


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


def test_a_run_without_benchmarks_says_that_its_effect_is_unknown(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_result(result(run, measured=False), run)
    assert "was not measured; add --benchmarks" in capsys.readouterr().out
    show_result(result(run), run)
    assert "was not measured" not in capsys.readouterr().out


def test_results_fit_on_a_line_in_a_shell(run: Path) -> None:
    shown = [repr(result(run)), repr(result(run).before), repr(tiny_model("llama"))]
    assert shown[0].startswith("DebiasResult('")
    assert str(run) in shown[0]
    assert "['stereoset'" in shown[1]
    assert "causal" in shown[2]
    assert all("\n" not in line and len(line) < 200 + len(str(run)) for line in shown)
