"""The report page of a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.comparison.score_change import Score
from fairforget.leaderboards.page import headline, read
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.leaderboards.tables import scores_table

from ..report.runs import write_leaderboard


def test_the_headline_and_the_table_show_the_first_of_two_benchmarks(tmp_path: Path) -> None:
    record = read(write_leaderboard(tmp_path))
    second = [
        replace(effect, benchmark="stereoset:typos", after=Score(9.0), verdict="more")
        for effect in record.effects
    ]
    both = replace(record, effects=[*record.effects, *second])
    assert "came closer to 0" in headline(record).sentences[0]
    assert headline(both) == headline(record)
    assert scores_table(both, "tiny", "equal") == scores_table(record, "tiny", "equal")


@pytest.mark.parametrize(
    ("nats", "verdict", "sentence"),
    [
        ((0.050, 0.055), "less", "came closer to 0 with change (unscaled: 0.050 → 0.055"),
        ((-0.050, -0.010), "less", "came closer to 0 with change (unscaled: −0.050 → −0.010"),
        ((0.030, -0.050), "more", "moved away from 0 with change (unscaled: 0.030 → −0.050"),
    ],
)
def test_the_verdict_is_about_the_distance_of_the_scaled_score(
    tmp_path: Path, nats: tuple[float, float], verdict: str, sentence: str
) -> None:
    """Whatever the contribution in nats did: a flatter distribution changes it too."""
    found = headline(judged(read(write_leaderboard(tmp_path)), nats, verdict)).sentences
    assert found[0] == f"The scaled contribution of the group {sentence} nats per token)."


def judged(record: LeaderboardRecord, nats: tuple[float, float], verdict: str) -> LeaderboardRecord:
    """The record with this contribution of the method `change`, and this verdict."""

    def change(effect: MethodEffect) -> MethodEffect:
        if effect.method != "change":
            return replace(effect, verdict=effect.verdict and "undecided")
        if effect.measure == "contribution":
            return replace(effect, before=Score(nats[0]), after=Score(nats[1]))
        return replace(effect, verdict=verdict) if effect.verdict else effect

    return replace(record, effects=[change(effect) for effect in record.effects])


def test_the_title_counts_the_methods_that_finished(tmp_path: Path) -> None:
    """And no control: `noise` is one."""
    record = read(write_leaderboard(tmp_path))
    assert headline(record).title == "2 debiasing methods at equal cost"
    assert headline(replace(record, rows=record.rows[:2])).title == (
        "1 debiasing method at equal cost"
    )
