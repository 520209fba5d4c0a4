"""`fairforget leaderboard`: compare debiasing methods."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fairforget.exit_status import RUN_FAILED
from fairforget.settings import LeaderboardSettings


def leaderboard_command(*, output: Path, json: bool = False, **settings: Any) -> None:
    """Compare debiasing methods, at full strength and within a budget.

    Writes leaderboard.json and report.html. Each model, method and seed is one run: apply the
    method, evaluate, interpolate the weights to the budget, evaluate again. With more models,
    methods or seeds, the same command adds the missing runs. If a run fails, the leaderboard
    contains the others, and the exit status is 1.

    Args:
        output: Output directory; the same command resumes an interrupted leaderboard.
        json: Print leaderboard.json and nothing else.
        **settings: Fields of `LeaderboardSettings`.
    """
    leaderboard_settings = LeaderboardSettings(**settings)

    from fairforget.cli.output import print_result
    from fairforget.leaderboards.leaderboard import leaderboard
    from fairforget.leaderboards.terminal import show_leaderboard
    from fairforget.records.paths import LEADERBOARD, REPORT

    record = leaderboard(output_dir=output, settings=leaderboard_settings)
    print_result(
        record,
        json=json,
        show=show_leaderboard,
        written=[output / LEADERBOARD, output / REPORT],
    )
    if record.failed:
        sys.exit(RUN_FAILED)
