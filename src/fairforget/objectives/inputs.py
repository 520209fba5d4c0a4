"""What the results of an objective depend on, besides its settings."""

from __future__ import annotations

from fairforget.objectives.objective import Objective
from fairforget.objectives.trait_kl import LOSS_CONSTANTS
from fairforget.objectives.trait_words import hash_trait_words


def list_inputs(objective: Objective) -> tuple[object, ...]:
    """Return the constants and the digest of the trait words of an objective that has a target.

    Other objectives have neither.

    Raises:
        InputError: a lexicon is missing.
    """
    if objective.target is None:
        return ()
    return (LOSS_CONSTANTS, hash_trait_words())
