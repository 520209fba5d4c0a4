"""Restore the settings of a model that training changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from fairforget.forward.probes import agree, probe_inputs, run_probe
from fairforget.forward.split_forward import full_logits

NOISE = ("drop", "jitter")
"""Parts of the attribute names of dropout probabilities, layer dropout and router noise."""


@contextmanager
def restore_settings(model: PreTrainedModel) -> Iterator[None]:
    """Restore the model's configuration at the end of the context, and put it into eval mode.

    Trainer disables the cache, aligns special tokens with the tokenizer's, may enable gradient
    checkpointing, and leaves the model in training mode. An adapter freezes the weights.
    """
    generation = getattr(model, "generation_config", None)
    configs = [model.config, model.config.get_text_config(), *([generation] if generation else [])]
    saved = [(config, dict(vars(config))) for config in configs]
    requires_grad = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    checkpointing = {
        module: module.gradient_checkpointing
        for module in model.modules()
        if hasattr(module, "gradient_checkpointing")
    }
    try:
        yield
    finally:
        model.eval()
        for config, values in saved:
            vars(config).clear()
            vars(config).update(values)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(requires_grad.get(name, parameter.requires_grad))
        for module, enabled in checkpointing.items():
            module.gradient_checkpointing = enabled


def differs_in_training(model: PreTrainedModel) -> bool:
    """Return whether training mode changes predictions although dropout is disabled.

    Phi-MoE does, for example, as its router samples experts.
    """
    inputs = probe_inputs(model, [range(2, 10)], model.device)

    def probe() -> bool:
        expected = full_logits(model, **inputs)
        with disable_dropout(model):
            model.train()  # `run_probe` restores the mode
            found = full_logits(model, **inputs)
        return agree(expected, found, model.dtype) is False

    return bool(run_probe(model, probe))


@contextmanager
def disable_dropout(model: nn.Module) -> Iterator[None]:
    """Set every dropout probability and all router noise to 0 within the context."""
    configs = {id(c): c for module in model.modules() if (c := getattr(module, "config", None))}
    saved = [
        (owner, name, value)
        for owner in (*model.modules(), *configs.values())  # some modules read their configuration
        for name, value in vars(owner).items()
        if isinstance(value, float)
        and (any(part in name for part in NOISE) or (name == "p" and isinstance(owner, nn.Dropout)))
    ]
    for owner, name, _ in saved:
        setattr(owner, name, 0.0)
    try:
        yield
    finally:
        for owner, name, value in saved:
            setattr(owner, name, value)
