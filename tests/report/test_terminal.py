"""Results in the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fairforget.comparison.compare import Comparison
from fairforget.records.store import read_record
from fairforget.report.comparison_terminal import show_comparison

from .runs import write_comparison


def test_columns_are_explained_if_a_table_has_them(tmp_path: Path, capsys) -> None:
    write_comparison(tmp_path)
    comparison = read_record(tmp_path / "comparison.json", Comparison)
    show_comparison(comparison)
    assert "Gained, lost: items" in capsys.readouterr().out
    show_comparison(replace(comparison, cells=(), limitations=()))
    shown = capsys.readouterr().out
    assert "perplexity: 28.90 → 29.50 (+2.08 %)" in shown
    assert "Gained" not in shown
