"""`fairforget leaderboard`: debiasing methods side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.settings import LeaderboardSettings


def leaderboard_command(*, output: Path, json: bool = False, **settings: Any) -> None:
    """Compare debiasing methods at equal cost: writes leaderboard.json and report.html.

    Each model, method and seed is one run: apply the method, evaluate, interpolate the weights to
    the budget, evaluate. The same command resumes an interrupted leaderboard; with more models,
    methods or seeds it adds the missing runs. Exit code 1 if a run failed; the leaderboard has the
    others.

    Args:
        output: Output directory; the same command resumes an interrupted leaderboard.
        json: Print leaderboard.json and nothing else.
        **settings: Fields of `LeaderboardSettings`.
    """
    leaderboard_settings = LeaderboardSettings(**settings)

    from fairforget.leaderboards.leaderboard import leaderboard
    from fairforget.leaderboards.terminal import show_leaderboard
    from fairforget.records.paths import LEADERBOARD, REPORT

    record = leaderboard(output_dir=output, settings=leaderboard_settings)
    if json:
        print((output / LEADERBOARD).read_text(encoding="utf-8"), end="")
    else:
        show_leaderboard(record)
        print(f"Written: {output / LEADERBOARD} and {output / REPORT}")
    if record.failed:
        raise SystemExit(1)
