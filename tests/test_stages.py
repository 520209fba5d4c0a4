"""Where the time of a command goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.cli import main
from fairforget.cli.profile import print_stages
from fairforget.machine.stages import OTHER, Stopwatch, stage, time_stages

from .models import save_tiny


class Clock:
    """Tells the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_in_an_inner_stage_does_not_count_for_the_outer() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    for now, stage_name in ((1, "outer"), (3, "inner"), (7, None), (15, None)):
        clock.now = now
        stopwatch.enter(stage_name) if stage_name else stopwatch.leave()
    clock.now = 31
    stopwatch.stop()
    assert stopwatch.seconds == {OTHER: 1 + 16, "outer": 2 + 8, "inner": 4}


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", None])), max_size=20))
def test_the_stages_add_up(steps: list[tuple[int, str | None]]) -> None:
    clock = Clock()
    stopwatch, depth = Stopwatch(clock), 0
    for seconds, name in steps:
        clock.now += seconds
        if name:
            stopwatch.enter(name)
            depth += 1
        elif depth:
            stopwatch.leave()
            depth -= 1
    stopwatch.stop()
    assert sum(stopwatch.seconds.values()) == clock.now


def test_a_stage_ends_with_an_error_too() -> None:
    with time_stages() as seconds:
        with pytest.raises(ValueError, match="x"), stage("fails"):
            raise ValueError("x")
        with stage("after"):
            pass
    assert list(seconds) == [OTHER, "fails", "after"]


def test_outside_a_measurement_nothing_is_kept() -> None:
    with stage("before"):
        pass
    with time_stages() as seconds:
        pass
    with stage("after"):
        pass
    assert list(seconds) == [OTHER]


def test_stages_are_printed_with_their_shares(capsys: pytest.CaptureFixture[str]) -> None:
    print_stages({"short [/old]": 1.0, "long": 3.0})
    printed = capsys.readouterr()
    rows = [" ".join(line.split()) for line in printed.err.splitlines()]
    assert rows[2:] == ["long 3.0 75 %", "short [/old] 1.0 25 %", "total 4.0"]
    assert not printed.out


@pytest.mark.slow
@pytest.mark.parametrize("json", [False, True])
def test_a_profile_of_unlearning(
    tmp_path: Path, little_data: None, capsys: pytest.CaptureFixture[str], json: bool
) -> None:
    model = save_tiny("llama", tmp_path / "llama")
    command = ["unlearn", str(model), "--output", str(tmp_path / "run"), "--device", "cpu"]
    flags = ["--forget", "builtin:gender", "--steps", "2", "--profile", *(["--json"] * json)]
    main([*command, *flags])
    printed = capsys.readouterr()
    for name in ("training: reference model", "training: perplexity", "interpolating"):
        assert name in printed.err
        assert name not in printed.out


@pytest.mark.slow
def test_a_profile_of_an_evaluation(
    tmp_path: Path, little_data: None, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_tiny("llama", tmp_path / "llama")
    output = str(tmp_path / "out")
    main(["evaluate", str(model), "--output", output, "--benchmarks", "group_facts", "--profile"])
    assert "evaluating: group_facts" in capsys.readouterr().err
