"""Which settings class each command's flags come from."""

from __future__ import annotations

from typing import Any

from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.transfer import transfer_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.settings import DebiasSettings, EvaluationSettings, TransferSettings

SETTINGS: dict[Any, type] = {
    unlearn_command: DebiasSettings,
    evaluate_command: EvaluationSettings,
    transfer_command: TransferSettings,
}
"""Command → the dataclass whose fields are its flags."""
