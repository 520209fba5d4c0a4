"""A sum of losses that run the model's head, the gradient of each taken as soon as it is known.

The logits of a few hundred positions are the largest tensor of a step. Autograd would keep those of
all of them until the backward pass, and checkpointing would compute them twice; here only the
gradients stay, of the hidden states and of the head's weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Head = Callable[[Tensor], Tensor]
"""Hidden states [n, width] → logits [n, vocabulary]."""
Loss = Callable[[Tensor], Tensor]
"""Logits [n, vocabulary] → a loss []."""


def weighted_sum(
    head: Head,
    losses: Sequence[Loss],
    hidden: Sequence[Tensor],
    weights: Sequence[float],
    parameters: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Σ weights[i] · losses[i](head(hidden[i])), one after the other.

    Args:
        head: of the model.
        losses: one for each of `hidden`.
        hidden: chunks of positions.
        weights: one for each of `hidden`.
        parameters: the trainable weights of the head; no others get a gradient.

    Returns:
        The sum [], and the losses themselves [losses], which have no gradient.
    """
    if not torch.is_grad_enabled():
        values = torch.stack([loss(head(part)) for loss, part in zip(losses, hidden, strict=True)])
        return (values * values.new_tensor(weights)).sum(), values
    found: tuple[Tensor, Tensor] = _AtOnce.apply(  # type: ignore[no-untyped-call]
        head, losses, weights, *hidden, *parameters
    )
    return found


class _AtOnce(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, head: Head, losses: Sequence[Loss], weights: Sequence[float], *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden, parameters = tensors[: len(losses)], tensors[len(losses) :]
        values: list[Tensor] = []
        of_hidden: list[Tensor] = []
        of_parameters: list[Tensor] = []
        for loss, weight, part in zip(losses, weights, hidden, strict=True):
            with torch.enable_grad():
                part = part.detach().requires_grad_()
                value = loss(head(part)) + (0 * part).sum()  # a constant one has a gradient, too
                found = torch.autograd.grad(
                    weight * value, (part, *parameters), materialize_grads=True
                )
            mine, *theirs = (gradient.contiguous() for gradient in found)  # zeros may share memory
            values.append(value.detach())
            of_hidden.append(mine)
            for whole, more in zip(of_parameters, theirs, strict=False):
                whole += more
            of_parameters = of_parameters or theirs
        ctx.gradients = [*of_hidden, *of_parameters]
        stacked = torch.stack(values)
        ctx.mark_non_differentiable(stacked)
        return (stacked * stacked.new_tensor(weights)).sum(), stacked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        return (None, None, None, *(part.mul_(gradient) for part in gradients))
