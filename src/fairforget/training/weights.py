"""The line θ₀ + α(θ − θ₀) from the original to the trained weights of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import PreTrainedModel


class WeightLine:
    """Moves a model along the line from its original weights θ₀ through its trained ones θ."""

    def __init__(self, model: PreTrainedModel, original: Mapping[str, Tensor]) -> None:
        """Keep a copy of the trained weights.

        Args:
            model: the model with the trained weights.
            original: the original weights, by the names of `model.named_parameters()`. Parameters
                without one keep their trained value. They may be on another device; the copy of
                the trained weights is then kept there too.
        """
        self.model, self.original = model, original
        self.trained = copy_weights(original, model)
        self.alpha = 1.0
        """Where the model is."""

    def move_to(self, alpha: float) -> None:
        """Set the weights to θ₀ + α(θ − θ₀)."""
        if alpha != self.alpha:
            lerp_weights(self.model, self.original, self.trained, alpha)
            self.alpha = alpha


@torch.no_grad()
def lerp_weights(
    model: PreTrainedModel,
    original: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    alpha: float,
) -> None:
    """Set the weights to θ₀ + α(θ − θ₀); parameters that are not in `original` stay as they are."""
    if alpha in (0.0, 1.0):  # bit for bit
        set_weights(model, trained if alpha else original)
        return
    for name, parameter in model.named_parameters():
        if name in original:
            parameter.copy_(torch.lerp(original[name], trained[name], alpha))


@torch.no_grad()
def set_weights(model: PreTrainedModel, values: Mapping[str, Tensor]) -> None:
    """Set weights by name; parameters that are not in `values` stay as they are."""
    for name, parameter in model.named_parameters():
        if name in values:
            parameter.copy_(values[name])


@torch.no_grad()
def negate_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> None:
    """Replace θ by θ₀ − (θ − θ₀), as task vector negation does."""
    for name, parameter in model.named_parameters():
        if name in original:
            parameter.copy_(2 * original[name].to(parameter.device) - parameter)


@contextmanager
def negated_update(model: PreTrainedModel, original: Mapping[str, Tensor]) -> Iterator[None]:
    """Negate the update within the context; restore the weights bit for bit at its end.

    Keeps a second copy of the trained weights meanwhile.
    """
    trained = copy_weights(original, model)
    negate_update(model, original)
    try:
        yield
    finally:
        set_weights(model, trained)


@contextmanager
def restore_weights(model: PreTrainedModel) -> Iterator[None]:
    """Restore the weights bit for bit at the end of the context; keeps a copy meanwhile."""
    kept = clone_weights(model)
    try:
        yield
    finally:
        set_weights(model, kept)


def clone_weights(
    model: PreTrainedModel, device: torch.device | str | None = None
) -> dict[str, Tensor]:
    """Copy all weights, to another device if one is given."""
    return {n: p.detach().to(device, copy=True) for n, p in model.named_parameters()}


def copy_weights(original: Mapping[str, Tensor], model: PreTrainedModel) -> dict[str, Tensor]:
    """Copy the model's weights to the devices of the original ones."""
    return {
        name: parameter.detach().to(original[name].device, copy=True)
        for name, parameter in model.named_parameters()
        if name in original
    }
