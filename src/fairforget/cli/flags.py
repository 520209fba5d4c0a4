"""Which settings class each command's flags come from."""

from __future__ import annotations

from typing import Any

from fairforget.cli.durability import durability_command
from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.leaderboard import leaderboard_command
from fairforget.cli.score_target import score_target_command
from fairforget.cli.select import select_command
from fairforget.cli.transfer import transfer_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.settings import (
    DebiasSettings,
    DurabilitySettings,
    EvaluationSettings,
    LeaderboardSettings,
    SelectSettings,
    TargetSettings,
    TransferSettings,
)

SETTINGS: dict[Any, type] = {
    unlearn_command: DebiasSettings,
    evaluate_command: EvaluationSettings,
    score_target_command: TargetSettings,
    transfer_command: TransferSettings,
    leaderboard_command: LeaderboardSettings,
    durability_command: DurabilitySettings,
    select_command: SelectSettings,
}
"""Command → the dataclass whose fields are its flags."""
