"""Dose-response: evaluations between the original weights and a run's result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest
import torch

from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import write_record
from fairforget.transfer_study.doses import (
    check_dose_dtype,
    dose_response,
    evaluate_doses,
    parse_doses,
    read_doses,
)
from fairforget.transfer_study.plan import Recipe, StudyRun
from fairforget.transfer_study.runs import FinishedStudyRun, read_run
from fairforget.transfer_study.study import _seconds, transfer

from ..models import tiny_model
from ..report.runs import ENVIRONMENT, write_evaluation, write_unlearning


def items_file(directory: Path) -> Path:
    """Two items of StereoSet."""
    items = [
        {
            "id": str(number),
            "bias_type": "gender",
            "target": "term",
            "context": "It is BLANK.",
            "sentences": [
                {"id": f"{number}{label}", "sentence": f"{word} {number}", "gold_label": label}
                for word, label in (
                    ("late", "stereotype"),
                    ("early", "anti-stereotype"),
                    ("blue", "unrelated"),
                )
            ],
        }
        for number in range(2)
    ]
    path = directory / "items.json"
    path.write_text(json.dumps({"version": "1", "data": {"intrasentence": items}}))
    return path


def test_each_dose_is_the_share_of_the_update(tmp_path: Path) -> None:
    name = f"stereoset:{items_file(tmp_path)}"
    original, result = (tiny_model("llama", seed).model for seed in (0, 1))
    measured = tiny_model("llama", 1)
    evaluate_doses(
        tmp_path, measured, dict(original.named_parameters()), {"0.25": 0.25}, [name, "crows_pairs"]
    )
    for new, old in zip(measured.model.parameters(), result.parameters(), strict=True):
        assert torch.equal(new, old)
    expected = tiny_model("llama", 1)
    with torch.no_grad():
        for p, zero in zip(expected.model.parameters(), original.parameters(), strict=True):
            p.copy_(torch.lerp(zero, p, 0.25))
    from fairforget import evaluate

    found = read_evaluation(tmp_path / "doses" / "0.25")
    assert found.items == evaluate(expected, [name]).items
    assert found.items != evaluate(measured, [name]).items


def test_doses_are_in_order() -> None:
    assert parse_doses("", ["crows_pairs"]) == {}
    doses = parse_doses(" .75,0.250", ["stereoset:test"])
    assert list(doses.items()) == [("0.25", 0.25), ("0.75", 0.75)]
    close = "0.1234567,0.1234568,0.99999999"
    assert [*parse_doses(close, ["stereoset"])] == close.split(",")


@pytest.mark.parametrize(
    ("doses", "benchmark", "message"),
    [
        ("0.5,half", "stereoset", "'half' is not a number between 0 and 1"),
        ("0", "stereoset", "'0' is not a number"),
        ("1.0", "stereoset", "'1.0' is not a number"),
        ("nan", "stereoset", "'nan' is not a number"),
        ("0.5,0.50", "stereoset", "repeats a dose"),
        ("0.5", "crows_pairs", "add it to --benchmarks"),
    ],
)
def test_bad_doses_are_refused(doses: str, benchmark: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_doses(doses, [benchmark])


def test_doses_of_rounded_weights_are_refused(tmp_path: Path) -> None:
    check_dose_dtype("", "bfloat16")
    for dtype in (None, "float32"):
        check_dose_dtype("0.5", dtype)
    with pytest.raises(InputError, match="doses: bfloat16 rounds the weights"):
        transfer("none", output_dir=tmp_path / "study", doses="0.5", dtype="bfloat16")
    assert not (tmp_path / "study").exists()


def evaluation(ss: float) -> EvaluationRecord:
    domains = {domain: {"ss": ss, "ss_ci": [0, 1], "lms": 90.0} for domain in ("gender", "all")}
    results = {"stereoset": {"domains": domains}, "perplexity": {"value": 3.0}}
    return EvaluationRecord(ModelFacts("tiny", 1, "float32", "<s>"), results, ENVIRONMENT, {})


def test_the_response_is_the_mean_over_seeds_from_original_to_result(tmp_path: Path) -> None:
    finished = {}
    for seed, score in ((0, 56.0), (1, 52.0)):
        run = StudyRun("gender", "ascent", None, seed, Recipe(model="tiny"))
        directory = tmp_path / str(seed)
        write_record(evaluation(score + 2), directory / "doses" / "0.5" / "record.json")
        after = Evaluation(None, evaluation(score), [])
        doses = read_doses(directory, ["0.5"])
        finished[run] = cast(FinishedStudyRun, SimpleNamespace(after=after, doses=doses))
    found = dose_response(evaluation(60.0), finished)
    assert {(d.benchmark, d.measure, d.forget, d.method) for d in found} == {
        ("stereoset", "ss", "gender", "ascent")
    }
    assert [(d.dose, d.score, d.seeds) for d in found if d.domain == "gender"] == [
        (0.0, 60.0, 2),
        (0.5, 56.0, 2),
        (1.0, 54.0, 2),
    ]
    assert [d.domain for d in found].count("all") == 3


def test_a_run_is_finished_only_with_all_doses(tmp_path: Path) -> None:
    run, doses = write_unlearning(tmp_path / "run"), ["0.25", "0.5"]
    for dose in doses:
        write_record(evaluation(60.0), run / "doses" / dose / "record.json")
    assert {*read_run(run, doses).doses} == {0.25, 0.5}
    (run / "doses" / "0.25" / "record.json").unlink()
    damaged = run / "doses" / "0.5" / "record.json"
    damaged.write_text(damaged.read_text()[:100])
    for dose, error in (("0.25", "cannot be read"), ("0.5", "is not a valid record")):
        with pytest.raises(InputError, match=error):
            read_run(run, [dose])
    assert read_run(run).doses == {}


def test_a_run_without_recorded_times_is_no_error(tmp_path: Path) -> None:
    finished = read_run(write_unlearning(tmp_path))
    assert finished.record.seconds == {}
    seconds = _seconds(finished.after.record, [finished])
    assert seconds["training"] == seconds["interpolation"] == 0


def test_the_archive_of_a_study_has_the_doses(
    tmp_path: Path, script: Callable[[str], ModuleType]
) -> None:
    archive = script("run_archive")
    study = tmp_path / "study"
    for part in ("before", "runs/one/after", "runs/one/doses/0.25", "runs/two/doses/0.25"):
        write_evaluation(study / part)
    (study / "settings.json").write_text("{}")
    shutil.copy(study / "before" / "record.json", study / "runs" / "one" / "record.json")
    archive.archive_runs(study, tmp_path / "runs.tar.xz")
    archive.restore_runs(tmp_path / "runs.tar.xz", tmp_path / "again")
    restored = {p.relative_to(tmp_path / "again").as_posix() for p in tmp_path.glob("again/**/*.*")}
    assert "runs/one/doses/0.25/record.json" in restored
    assert "runs/one/doses/0.25/items.parquet" in restored
    assert not any(name.startswith("runs/two") for name in restored)  # unfinished
