"""What `transfer`, `leaderboard` and `durability` have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.experiments import runs
from fairforget.experiments.output import fixed_settings
from fairforget.leaderboards.plan import MethodRun
from fairforget.settings import LeaderboardSettings
from fairforget.transfer_study.plan import Recipe, StudyRun


@pytest.mark.parametrize(
    ("command", "has_cluster"),
    [
        (["transfer", "smollm2"], True),
        (["leaderboard", "--models", "smollm2"], True),
        (["durability", "run"], False),
    ],
)
def test_a_launch_of_several_processes_is_refused_before_anything_is_opened(
    command: list[str],
    has_cluster: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as exit_:
        main([*command, "--output", str(tmp_path / "output")])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "started 2 processes" in line
    assert "without torchrun or accelerate launch" in line
    assert ("--cluster ray" in line) == has_cluster
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("benchmark", "package"),
    [
        ("stereoset", None),
        ("honest:en", None),
        ("bold:20", "vaderSentiment"),
        ("counterfactual", "vaderSentiment"),
        ("lm-eval:hellaswag", "lm_eval"),
    ],
)
def test_runs_depend_on_the_packages_of_their_benchmarks_only(
    benchmark: str, package: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = LeaderboardSettings(models="tiny", benchmarks=benchmark, device="cpu")
    recipe = Recipe(model="tiny", benchmarks=(benchmark,))

    def identify() -> list[object]:
        method_run = MethodRun("tiny", "cda", 0, board)
        study_run = StudyRun("builtin", "ascent", None, 0, recipe)
        versions = fixed_settings([benchmark], {})["versions"]
        return [method_run.name({"tiny": {}}), study_run.name(""), versions]

    known = identify()
    monkeypatch.setattr(runs, "installed_version", lambda package: f"another {package}")
    found = identify()
    assert [new != old for new, old in zip(found, known, strict=True)] == [bool(package)] * 3
    others = {package: f"another {package}"} if package else {}
    assert found[2] == runs.VERSIONS | others
