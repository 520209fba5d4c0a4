"""Settings with fewer and larger steps than the default's, which two pages measure."""

from __future__ import annotations

from typing import Any

LARGER_STEPS: dict[str, Any] = {
    "forget": "builtin",
    "steps": 40,
    "batch_size": 32,
    "learning_rate": 5e-5,
    "retain_per_forget": 0.5,
    "retain_loss_weight": 1.0,
    "retain_groups": False,
}
DESCRIPTION = (
    "40 steps of 32 forget texts at a learning rate of 5e-5; half as many retain texts, with a "
    "weight of 1 and without facts"
)


def as_flags() -> tuple[str, ...]:
    """The settings as flags of `fairforget unlearn`."""
    return tuple(
        word for name, value in LARGER_STEPS.items() for word in (f"--{name}", str(value).lower())
    )
