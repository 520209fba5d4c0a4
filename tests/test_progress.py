"""Progress on stderr: a bar with its total in a terminal, plain lines elsewhere."""

from __future__ import annotations

import pytest

from fairforget.progress import bar


def test_a_bar_learns_its_total(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with bar("Measuring") as advance:
        advance(3, total=7)
        advance(1, "a note", total=7)
    shown = capsys.readouterr().err
    assert "4/7" in shown
    assert "a note" in shown


def test_without_a_terminal_one_line_at_start_and_end(capsys) -> None:
    with bar("Measuring") as advance:
        advance(3, total=7)
        advance(0, "a note")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "Measuring …"
    assert last.startswith("Measuring: ")
