"""The progress bar of training."""

from __future__ import annotations

from typing import Any

from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.trainer import DEFAULT_PROGRESS_CALLBACK

from fairforget.objectives import NOTHING
from fairforget.records.records import MAIN
from fairforget.terminal.progress import Advance
from fairforget.training.early_stopping import RATIO
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY


class TrainingProgress(TrainerCallback):
    """Advances the progress bar with the training steps and shows the last logged values."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.step = 0
        self.losses = self.utility = ""

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Advance the bar."""
        self.advance(state.global_step - self.step)
        self.step = state.global_step

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Show the losses and the utility loss."""
        logs = logs or {}
        if "forget" in logs:
            self.losses = _describe_losses(logs, forgets=args.objective != NOTHING)
        ratios = {name: logs.get(RATIO.format(name)) for name in (MAIN, EVERYDAY_PERPLEXITY)}
        if shown := [f"{name} × {ratio:.3f}" for name, ratio in ratios.items() if ratio]:
            self.utility = ", ".join(shown)
        self.advance(0, ", ".join(filter(None, (self.losses, self.utility))))


def remove_default_progress(trainer: Trainer) -> None:
    """Remove the progress bar of transformers, and its printed logs, from a trainer."""
    # the default one is another in a notebook
    for callback in (DEFAULT_PROGRESS_CALLBACK, ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)


def _describe_losses(logs: dict[str, float], *, forgets: bool) -> str:
    """Return the losses in words; without an objective, the retain loss is the only one."""
    if not forgets:
        return f"loss {logs['retain']:.3f} nats"
    retain = f", retain {logs['retain']:.3f}" if "retain" in logs else ""
    likelihood = f", p of targets {logs['likelihood']:.2g}"
    return f"forget {logs['forget']:.3f}{retain} nats{likelihood}"
