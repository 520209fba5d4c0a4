"""Repeating a run from its record gives the same figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairforget.budget import Budget
from fairforget.cli import main, rerun
from fairforget.cli.rerun import rerun_command
from fairforget.comparison.rerun import compare_runs
from fairforget.errors import InputError
from fairforget.machine import processes
from fairforget.settings import DebiasSettings

from .docs.blocks import ROOT
from .models import save_tiny

BAD = {
    "bad setting": {"steps": "many"},
    "code of a model": {"trust_remote_code": True},
    "code of a task": {"benchmarks": "lm-eval:task.yaml"},
    "code of a task in a directory with a blank": {"benchmarks": "lm-eval:my tasks/t.yaml"},
    "code of a task with a comma in its name": {"benchmarks": "lm-eval:./t?,x.yaml"},
    "a push": {"push_to_hub": "some/one"},
    "another command": {"command": "select"},
}


def test_each_of_several_processes_has_its_own_gpu(tmp_path: Path, monkeypatch) -> None:
    """The record names that of the first."""
    devices: list[str] = []
    (tmp_path / "record.json").touch()

    def run(output: Path, device: str) -> None:
        devices.append(device)
        raise InputError("enough")

    monkeypatch.setattr(rerun, "load_command", lambda *_, **__: (run, "cuda:0"))
    for several in (False, True):
        monkeypatch.setattr(processes, "is_distributed_launch", lambda several=several: several)
        with pytest.raises(InputError, match="enough"):
            rerun_command(tmp_path / "record.json", output=tmp_path / "two")
    assert devices == ["cuda:0", "cuda"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unlearning run of a tiny model, evaluated before and after."""
    root = tmp_path_factory.mktemp("rerun")
    model = save_tiny("llama", root / "model")
    rows = [
        {"text": f"{who} are {word}, I say.", "mentions": [[0, len(who), "People"]]}
        for who in ("Women", "Men")
        for word in ("late", "loud", "slow")
    ]
    (root / "forget.jsonl").write_text("\n".join(map(json.dumps, rows)))
    texts = [{"text": f"The river has {n} bridges near the town."} for n in range(200)]
    (root / "retain.jsonl").write_text("\n".join(map(json.dumps, texts)))
    (root / "items.jsonl").write_text(
        "\n".join(
            json.dumps(
                {
                    "type": "intrasentence",
                    "target": "nurse",
                    "bias_type": "gender",
                    "context": f"The nurse is BLANK {n}.",
                    "stereotype": f"The nurse is late {n}.",
                    "anti-stereotype": f"The nurse is kind {n}.",
                    "unrelated": f"The nurse is seven {n}.",
                }
            )
            for n in range(4)
        )
    )
    main(
        [
            *("unlearn", str(model), "--output", str(root / "run"), "--device", "cpu"),
            *("--forget", str(root / "forget.jsonl"), "--retain", str(root / "retain.jsonl")),
            *("--steps", "3", "--batch_size", "4", "--budget.perplexity", "1.1"),
            *("--benchmarks", f"stereoset:{root / 'items.jsonl'}"),
        ]
    )
    return root / "run"


@pytest.mark.slow
def test_the_same_bit_for_bit(run: Path, tmp_path: Path, capsys) -> None:
    main(["rerun", str(run / "record.json"), "--output", str(tmp_path / "again"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["differences"] == found["environment"] == []
    assert found["figures"] > 100  # every row of the history, every item before and after
    again = json.loads((tmp_path / "again" / "record.json").read_text())
    assert again["command"]["budget"]["perplexity"] == 1.1
    assert len(again["data"]) == 64


def test_overlaps_are_compared_where_both_runs_have_them(tmp_path: Path) -> None:
    """A run measures them with the benchmarks whose data are on its machine."""
    record = json.loads((ROOT / "docs/results/demo/record.json").read_text())
    assert len(record["overlap"]) > 2
    later = {**record, "overlap": [{**record["overlap"][0], "benchmark": "new"}]}
    later["overlap"] += record["overlap"][1:]
    for name, content in (("first", record), ("second", later)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(json.dumps(content))
    assert compare_runs(tmp_path / "first", tmp_path / "second").differences == ()
    later["overlap"][1]["shared"] += 1
    (tmp_path / "second" / "record.json").write_text(json.dumps(later))
    (difference,) = compare_runs(tmp_path / "first", tmp_path / "second").differences
    assert difference.where.endswith(f"overlap.{record['overlap'][1]['benchmark']}.shared")


@pytest.mark.slow
def test_differences_are_reported(run: Path, tmp_path: Path, capsys) -> None:
    record = json.loads((run / "record.json").read_text())
    record["budget"]["reached"] *= 1.001
    record["environment"]["torch"] = "0.1"
    record["model"]["weights"] = "0" * 64
    del record["environment"]["threads"]  # as in an older record
    other = tmp_path / "other"
    other.mkdir()
    (other / "record.json").write_text(json.dumps(record))
    with pytest.raises(SystemExit) as ended:
        main(["rerun", str(other / "record.json")])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "record.json: budget.reached" in out
    assert "torch: '0.1' before" in out
    assert "record.json: model.weights" in out
    assert "threads" not in out
    assert (tmp_path / "other-again" / "record.json").exists()
    del record["model"]["weights"]
    (other / "record.json").write_text(json.dumps(record))
    record = str(other / "record.json")
    main(["rerun", record, "--tolerance", "0.01", "--output", str(tmp_path / "third")])
    with pytest.raises(SystemExit) as ended:
        main(["rerun", record])
    assert ended.value.code == 2
    assert "has a finished run" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_without_bounds_in_its_budget_is_repeated_without_them(
    run: Path, tmp_path: Path, monkeypatch
) -> None:
    """Older records do not name them."""
    record = json.loads((run / "record.json").read_text())
    del record["command"]["budget"]["movement"], record["command"]["budget"]["harmful_log_prob"]
    (tmp_path / "record.json").write_text(json.dumps(record))
    given = {}

    def unlearn(_: str, **options: object) -> None:
        given.update(options)

    monkeypatch.setitem(rerun.COMMANDS, "unlearn", unlearn)
    monkeypatch.setitem(rerun.SETTINGS, unlearn, DebiasSettings)
    command, _ = rerun.load_command(tmp_path / "record.json")
    command(output=tmp_path / "again")
    assert given["budget"] == Budget(1.1, movement=None, harmful_log_prob=None)


@pytest.mark.slow
def test_an_evaluation_is_repeated_from_its_own_directory(
    run: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    made = tmp_path / "measured"
    items = f"stereoset:{run.parent / 'items.jsonl'}"
    main(["evaluate", str(run / "model"), "--benchmarks", items, "--output", str(made)])
    monkeypatch.chdir(made)
    capsys.readouterr()
    main(["rerun", "record.json"])
    assert "values are bitwise equal" in capsys.readouterr().out
    assert (tmp_path / "measured-again" / "record.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"kind": "study"}', "for a study, run its command again"),
        (None, "cannot be read"),
        ("no command", "does not name the command"),
        ("bad setting", "command.steps"),
        ("code of a model", "add --trust_record"),
        ("code of a task", "add --trust_record"),
        ("a push", "command.push_to_hub is not a setting"),
        ("another command", "cannot be repeated"),
    ],
)
def test_directories_that_cannot_be_rerun(
    run: Path, tmp_path: Path, capsys, content: str | None, message: str
) -> None:
    path = tmp_path / "record.json"
    record = json.loads((run / "record.json").read_text())
    if content == "no command":
        content = json.dumps(record | {"command": {}})
    elif content in BAD:
        content = json.dumps(record | {"command": record["command"] | BAD[content]})
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["rerun", str(path), "--output", str(tmp_path / "again")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [("-1", "finite and at least 0"), ("1e400", "finite"), ("nan", "give a number")],
)
def test_a_tolerance_is_finite_and_not_negative(
    run: Path, capsys, tolerance: str, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rerun", str(run / "record.json"), f"--tolerance={tolerance}"])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
