"""Train all weights, or a low-rank adapter that is merged into them at the end."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, set_seed

from fairforget.extras import check_extra

if TYPE_CHECKING:
    from fairforget.training.config import UnlearningConfig

B_MATRIX = ".lora_B."


@contextmanager
def apply_adapter(
    model: PreTrainedModel, config: UnlearningConfig, *, apart: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Make the model ready to train; yields the weights that scale the change, as they are now.

    `apart`: in the machine's own memory, wherever the model is.

    With `config.lora_rank` an adapter is added (Hu et al. 2021, arXiv 2106.09685), the weights
    themselves are frozen, and at the end the adapter is merged into them. Its change is B·A·s;
    the original is where B is 0, so the line from it is drawn by B alone.
    """
    if not config.lora_rank:
        place = "cpu" if apart else None
        yield {n: p.detach().to(place, copy=True) for n, p in model.named_parameters()}
        return
    add_adapter(model, config)
    try:
        yield {n: torch.zeros_like(p) for n, p in model.named_parameters() if B_MATRIX in n}
    except BaseException:
        _remove_adapter(model)  # the model is the original again
        raise
    merge_adapter(model)


def check_peft() -> None:
    """Tell early whether adapters can be made.

    Raises:
        InputError: peft is not installed.
    """
    check_extra("peft", "lora", "LoRA")


def add_adapter(model: PreTrainedModel, config: UnlearningConfig) -> None:
    """Put an adapter of `config.lora_rank` on all linear layers; nothing else is trained then."""
    from peft import LoraConfig, inject_adapter_in_model

    set_seed(config.seed)  # of A
    # not model.add_adapter, for which a new transformers wants a peft that is not out yet
    inject_adapter_in_model(
        LoraConfig(
            r=config.lora_rank,
            lora_alpha=config.lora_alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        model,
    )
    for weights in model.parameters():
        if weights.requires_grad:  # in bfloat16 most steps would be rounded away
            weights.data = weights.data.float()


def has_adapter(model: nn.Module) -> bool:
    """Whether one was put on, by `add_adapter` or by peft itself."""
    return hasattr(model, "peft_config")


def merge_adapter(model: PreTrainedModel) -> None:
    """Add the adapter's change to the weights themselves, and take the adapter off."""
    for layer in _adapted_layers(model).values():
        layer.merge()
    _remove_adapter(model)


def reference_for(model: PreTrainedModel, original: Mapping[str, Tensor]) -> PreTrainedModel:
    """The model with its original weights, which are shared with `original` and not copied.

    Args:
        model: the one that is trained.
        original: the weights, of all that `model.named_parameters()` names.
    """
    shared: dict[int, Any] = {
        id(parameter): nn.Parameter(original[name], requires_grad=False)
        for name, parameter in model.named_parameters()
    }
    return copy.deepcopy(model, shared)


def _remove_adapter(model: PreTrainedModel) -> None:
    """Put the plain layers, which may hold the merged weights, back into the model."""
    for name, layer in _adapted_layers(model).items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
    del model.peft_config
    model.requires_grad_(True)


@contextmanager
def disable_adapter(model: PreTrainedModel) -> Iterator[None]:
    """The model as it is without its adapter."""
    layers = _adapted_layers(model).values()
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def _adapted_layers(model: PreTrainedModel) -> dict[str, Any]:
    """By their names in the model."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {n: module for n, module in model.named_modules() if isinstance(module, BaseTunerLayer)}
