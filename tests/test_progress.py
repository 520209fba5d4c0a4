"""Progress on stderr: a bar with its total in a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from fairforget.terminal.messages import count_of
from fairforget.terminal.progress import progress_bar


def test_a_bar_learns_its_total(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("Measuring") as advance:
        advance(3, total=7)
        advance(1, "a note", total=7)
    shown = capsys.readouterr().err
    assert "4/7" in shown
    assert "a note" in shown


def test_an_inner_bar_is_on_the_console_of_the_outer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another console it would overwrite the outer bar."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    made: list[Console] = []

    def make(**options: Any) -> Console:
        made.append(Console(**options))
        return made[-1]

    monkeypatch.setattr("fairforget.terminal.progress.Console", make)
    with progress_bar("Runs", 2), progress_bar("Evaluating"):
        pass
    assert len(made) == 1
    with progress_bar("Evaluating"):
        pass
    assert len(made) == 2


def test_brackets_in_a_bar_are_text(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("Evaluating a[b].jsonl") as advance:
        advance(1, "run [/c]", total=1)
    shown = capsys.readouterr().err
    assert "Evaluating a[b].jsonl" in shown
    assert "run [/c]" in shown


def test_without_a_terminal_a_line_now_and_then(monkeypatch, capsys) -> None:
    monkeypatch.setattr("fairforget.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    with progress_bar("Unlearning", 20) as advance:
        advance(5, "forget 1.2 nats")
        advance(0)
    assert capsys.readouterr().err.splitlines()[1:3] == [
        "Unlearning: 5/20 forget 1.2 nats",
        "Unlearning: 5/20 forget 1.2 nats",
    ]


def test_lines_keep_a_total_that_came_later(monkeypatch, capsys) -> None:
    monkeypatch.setattr("fairforget.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    with progress_bar("Measuring") as advance:
        advance(3, total=7)
        advance()
    assert capsys.readouterr().err.splitlines()[1:3] == ["Measuring: 3/7", "Measuring: 4/7"]


@pytest.mark.parametrize("terminal", [True, False])
def test_without_a_total_the_steps_are_counted(monkeypatch, capsys, terminal: bool) -> None:
    monkeypatch.setattr("fairforget.terminal.progress.SECONDS_BETWEEN_LINES", 0)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("Interpolating", unit="evaluation") as advance:
        advance(0)
        advance()
        advance()
    shown = capsys.readouterr().err
    assert "2 evaluations" in shown
    assert "?" not in shown.replace("\x1b[?", "")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1000, "1,000 runs")]
)
def test_a_number_has_its_noun(number: int, text: str) -> None:
    assert count_of(number, "run") == text


def test_of_several_processes_the_first_talks(monkeypatch, capsys) -> None:
    monkeypatch.setenv("RANK", "1")
    with progress_bar("Measuring") as advance:
        advance(3, total=7)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_one_line_at_start_and_end(capsys) -> None:
    with progress_bar("Measuring") as advance:
        advance(3, total=7)
        advance(0, "a note")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "Measuring …"
    assert last.startswith("Measuring: ")
