"""What an unlearning objective is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from torch import Tensor

from fairforget.errors import InputError

CONSTANTS = ("beta", "gamma")
"""What a loss may have of its own, by name."""
TokenLoss = Callable[..., Tensor]
"""(log-probabilities [n, vocabulary], target tokens [n], reference log-probabilities
[n, vocabulary] or None) → losses [n] in nats, one per target token, to be minimised. One that has a
β or a γ takes it by that name."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss per target token, and the distribution that it compares with."""

    name: str
    loss: TokenLoss
    ref_input: Literal["none", "text", "counterfactual"]
    """Where the original model is asked for its distribution: nowhere, at the same place of the
    same text, or at the place that lines up with it in the text about anyone."""
    paper: str
    negated: bool = False
    """Whether the trained difference is subtracted from the original weights, not added."""
    beta: float | None = None
    """β of the loss, per nat; None where it has none."""
    gamma: float | None = None
    """γ of the loss, a pure number; None where it has none."""

    @property
    def needs_ref_model(self) -> bool:
        """Whether it compares with the original model."""
        return self.ref_input != "none"

    @property
    def needs_counterfactual(self) -> bool:
        """Whether it compares with texts about anyone."""
        return self.ref_input == "counterfactual"

    def with_constants(self, beta: float | None, gamma: float | None) -> Objective:
        """The same with another β and γ; None leaves what is there.

        Raises:
            InputError: it has no such constant, or β is not above 0, γ below 0, or one infinite.
        """
        both = dict(zip(CONSTANTS, (beta, gamma), strict=True))
        given: dict[str, Any] = {name: value for name, value in both.items() if value is not None}
        for name in given:
            if getattr(self, name) is None:
                raise InputError(f"objective {self.name!r} has no {name}; leave it out")
        if beta is not None and not 0 < beta < math.inf:
            raise InputError(f"beta is {beta}; it must be finite and more than 0")
        if gamma is not None and not 0 <= gamma < math.inf:
            raise InputError(f"gamma is {gamma}; it must be finite and at least 0")
        return replace(self, loss=partial(self.loss, **given), **given) if given else self


def target_log_probs(log_probs: Tensor, targets: Tensor) -> Tensor:
    """log p(x_i) [n] of the target tokens."""
    return log_probs.gather(-1, targets[:, None])[:, 0]
