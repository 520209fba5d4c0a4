"""The report page of a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fairforget.leaderboards.page import headline, read
from fairforget.leaderboards.tables import scores_table
from fairforget.report.scores import Score

from ..report.runs import write_leaderboard


def test_the_headline_and_the_table_show_the_first_of_two_benchmarks(tmp_path: Path) -> None:
    record = read(write_leaderboard(tmp_path))
    second = [
        replace(effect, benchmark="stereoset:typos", after=Score(9.0), verdict="more")
        for effect in record.effects
    ]
    both = replace(record, effects=[*record.effects, *second])
    assert "fell to" in headline(record).sentences[0]
    assert headline(both) == headline(record)
    assert scores_table(both, "tiny", "equal") == scores_table(record, "tiny", "equal")
