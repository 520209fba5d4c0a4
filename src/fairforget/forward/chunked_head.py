"""A weighted sum of losses over chunks of head outputs, with each chunk's gradient taken at once.

The logits of a few hundred positions are the largest tensor of a step. Autograd would keep the
logits of all chunks until the backward pass, and checkpointing would compute them twice. Here only
the gradients of the hidden states and of the head's weights are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Head = Callable[[Tensor], Tensor]
"""Hidden states [n, hidden size] → logits [n, vocabulary]."""
Loss = Callable[[Tensor], Tensor]
"""Logits [n, vocabulary] → a loss []."""


def weighted_sum(
    head: Head,
    losses: Sequence[Loss],
    hidden: Sequence[Tensor],
    weights: Sequence[float],
    parameters: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Compute Σ weights[i] · losses[i](head(hidden[i])), one chunk after the other.

    Args:
        head: the model's head.
        losses: one per chunk.
        hidden: the chunks, each [n, hidden size].
        weights: one per chunk.
        parameters: the trainable weights of the head. No other weights get a gradient.

    Returns:
        The sum [], and the losses [chunks] without gradient.
    """
    if not torch.is_grad_enabled():
        values = torch.stack(
            [loss(head(chunk)) for loss, chunk in zip(losses, hidden, strict=True)]
        )
        return (values * values.new_tensor(weights)).sum(), values
    result: tuple[Tensor, Tensor] = _WeightedSum.apply(  # type: ignore[no-untyped-call]
        head, losses, weights, *hidden, *parameters
    )
    return result


class _WeightedSum(torch.autograd.Function):
    """Computes the gradients in the forward pass; the backward pass only scales them."""

    @staticmethod
    def forward(
        ctx: Any, head: Head, losses: Sequence[Loss], weights: Sequence[float], *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden, parameters = tensors[: len(losses)], tensors[len(losses) :]
        values: list[Tensor] = []
        hidden_grads: list[Tensor] = []
        parameter_grads: list[Tensor] = []
        for loss, weight, chunk in zip(losses, weights, hidden, strict=True):
            with torch.enable_grad():
                chunk = chunk.detach().requires_grad_()
                value = loss(head(chunk)) + (0 * chunk).sum()  # a constant loss needs a graph too
                grads = torch.autograd.grad(
                    weight * value, (chunk, *parameters), materialize_grads=True
                )
            chunk_grad, *new_grads = (grad.contiguous() for grad in grads)  # zeros may be expanded
            values.append(value.detach())
            hidden_grads.append(chunk_grad)
            for total, new in zip(parameter_grads, new_grads, strict=False):
                total += new
            parameter_grads = parameter_grads or new_grads
        ctx.gradients = [*hidden_grads, *parameter_grads]
        stacked = torch.stack(values)
        ctx.mark_non_differentiable(stacked)
        return (stacked * stacked.new_tensor(weights)).sum(), stacked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        return (None, None, None, *(part.mul_(gradient) for part in gradients))
