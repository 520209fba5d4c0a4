"""Measurements of the original model, made once and shared by the runs of a process."""

from __future__ import annotations

from dataclasses import dataclass

from fairforget.training.harmful_words import HarmGuard
from fairforget.training.movement import OriginalStates

Sequences = list[list[int]]
HeldOut = tuple[dict[str, Sequences], dict[str, Sequences]]
"""Token ids of the held-out texts and of the retain texts, by kind."""


@dataclass
class Original:
    """Facts that runs on the same original model and retain texts share; filled by the first."""

    held_out: HeldOut | None = None
    """The tokenised held-out and retained texts."""
    perplexities: dict[str, float] | None = None
    """Its perplexities on all held-out texts, by constraint."""
    few: dict[str, float] | None = None
    """Its perplexities on a few of them."""
    states: OriginalStates | None = None
    """Its predictions on the same few, from which a run's movement is measured."""
    harmful_words: HarmGuard | None = None
    """Harmful words after group mentions, if their change is bounded."""
