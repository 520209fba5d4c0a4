"""What `transfer`, `leaderboard` and `durability` have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairforget.cli import main


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
