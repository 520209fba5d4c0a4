"""What training changes of a model beside its weights, and puts back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

NOISE = ("drop", "jitter")
"""What is in the names of the probabilities with which modules drop numbers or layers, and of the
noise of their routers."""


@contextmanager
def restore_settings(model: PreTrainedModel) -> Iterator[None]:
    """Afterwards the model is configured as before: it is saved, and goes on, as it came.

    Trainer turns the cache off, lines special tokens up with the tokenizer's and may turn gradient
    checkpointing on; an adapter freezes the weights.
    """
    generation = getattr(model, "generation_config", None)
    owners = [model.config, model.config.get_text_config(), *([generation] if generation else [])]
    kept = [(owner, dict(vars(owner))) for owner in owners]
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    checkpointing = {
        module: module.gradient_checkpointing
        for module in model.modules()
        if hasattr(module, "gradient_checkpointing")
    }
    try:
        yield
    finally:
        for owner, values in kept:
            vars(owner).clear()
            vars(owner).update(values)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(trained.get(name, parameter.requires_grad))
        for module, on in checkpointing.items():
            module.gradient_checkpointing = on


@contextmanager
def disable_dropout(model: nn.Module) -> Iterator[None]:
    """Set every dropout probability, and the noise of routers, to 0, and back."""
    configs = {id(c): c for module in model.modules() if (c := getattr(module, "config", None))}
    found = [
        (owner, name, value)
        for owner in (*model.modules(), *configs.values())  # some ask their configuration
        for name, value in vars(owner).items()
        if isinstance(value, float)
        and (any(part in name for part in NOISE) or (name == "p" and isinstance(owner, nn.Dropout)))
    ]
    for owner, name, _ in found:
        setattr(owner, name, 0.0)
    try:
        yield
    finally:
        for owner, name, value in found:
            setattr(owner, name, value)
