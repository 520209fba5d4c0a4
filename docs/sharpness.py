"""Sharpness-aware minimisation (Foret et al. 2021, arXiv 2010.01412) of the unlearning loss."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from fairforget.training import unlearn as unlearning
from fairforget.training.trainer import UnlearningTrainer

RADIUS = 0.05
"""ρ: L2 norm of the step to the weights at which the gradient is taken."""


class SharpnessAwareTrainer(UnlearningTrainer):
    """Follows the gradient at w + ρ ∇L(w) / |∇L(w)|, so that the loss around w falls."""

    def training_step(self, model: nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Leave the gradient of the batch at the perturbed weights, and return the loss at w."""
        assert self.args.gradient_accumulation_steps == 1  # or gradients of several batches add up
        loss = super().training_step(model, inputs, *args, **kwargs)
        logged = self._logged.clone()
        steps = [(p, p.detach().clone(), p.grad) for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([gradient for _, _, gradient in steps])
        with torch.no_grad():
            for parameter, _, gradient in steps:
                parameter.add_(gradient, alpha=RADIUS / float(norm))
        model.zero_grad()
        super().training_step(model, inputs, *args, **kwargs)
        with torch.no_grad():
            for parameter, weight, _ in steps:
                parameter.copy_(weight)
        self._logged.copy_(logged)  # the means are those at w
        return loss


def sharpness_aware_steps() -> AbstractContextManager[object]:
    """Return a context in which unlearning takes sharpness-aware steps, each of two gradients."""
    return patch.object(unlearning, "UnlearningTrainer", SharpnessAwareTrainer)
