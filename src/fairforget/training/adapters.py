"""Train all weights, or a low-rank adapter (LoRA) that is merged at the end."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, set_seed

from fairforget.errors import InputError, first_line
from fairforget.extras import check_extra
from fairforget.files.atomic import write_atomically
from fairforget.models.adapter_directory import CONFIG, PREFIX, WEIGHTS
from fairforget.models.language_model import LanguageModel
from fairforget.training.weights import clone_weights, set_weights

if TYPE_CHECKING:
    from fairforget.training.config import UnlearningConfig

B_MATRIX = ".lora_B."


SPECIAL_LAYERS = ("Router", "GroupedLinear")
"""How the names of such classes of transformers end: PhimoeTopKRouter, Llama4Router."""


@contextmanager
def apply_adapter(
    model: PreTrainedModel, config: UnlearningConfig, *, apart: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Prepare the model for training; yield the original values of the weights to interpolate.

    With `config.lora_rank`, an adapter is added (Hu et al. 2021, arXiv 2106.09685), all other
    weights are frozen, and the adapter is merged at the end of the context. The adapter's update is
    B·A·s, which is 0 at B = 0, so only B is interpolated. An error within the context restores the
    original model.

    Args:
        model: causal or masked.
        config: the LoRA settings.
        apart: keep the original values in CPU memory, wherever the model is.
    """
    if not config.lora_rank:
        original = clone_weights(model, "cpu" if apart else None)
        try:
            yield original
        except BaseException:
            set_weights(model, original)
            raise
        return
    add_adapter(model, config)
    try:
        yield {n: torch.zeros_like(p) for n, p in model.named_parameters() if B_MATRIX in n}
    except BaseException:
        _remove_adapter(model)
        raise
    merge_adapter(model)


def check_peft() -> None:
    """Check early that adapters are available.

    Raises:
        InputError: peft is not installed.
    """
    check_extra("peft", "lora", "LoRA")


def check_adaptable(language_model: LanguageModel, config: UnlearningConfig) -> None:
    """Check that an adapter can be added to a model, on a copy that has no weights in memory.

    Raises:
        InputError: peft does not support the model.
    """
    model = language_model.model
    without_weights: dict[int, Any] = {
        id(p): nn.Parameter(p.detach().to("meta"), requires_grad=False) for p in model.parameters()
    }
    try:
        _inject_adapter(copy.deepcopy(model, without_weights), config)
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise InputError(
            f"LoRA does not support model {language_model.source!r} ({first_line(error)}); use "
            "lora_rank 0, which trains all weights"
        ) from error


def add_adapter(model: PreTrainedModel, config: UnlearningConfig) -> None:
    """Add an adapter of `config.lora_rank` to all linear layers, and freeze all other weights."""
    set_seed(config.seed)  # A is initialised at random
    _inject_adapter(model, config)
    for weights in model.parameters():
        if weights.requires_grad:  # bfloat16 would round most steps away
            weights.data = weights.data.float()


def _find_special_layers(model: PreTrainedModel) -> list[str]:
    """Return the names of linear layers that are more than a matrix: routers, grouped layers.

    peft would add an adapter to them, and fail in the forward pass.
    """
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and type(module).__name__.endswith(SPECIAL_LAYERS)
    ]


def _inject_adapter(model: PreTrainedModel, config: UnlearningConfig) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    settings = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        target_modules="all-linear",
        exclude_modules=_find_special_layers(model),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about settings that peft corrects by itself
        # not model.add_adapter: transformers may need a peft release that does not exist yet
        inject_adapter_in_model(settings, model)


def merge_adapter(model: PreTrainedModel) -> None:
    """Merge the adapter into the weights, and remove it."""
    for layer in adapter_layers(model).values():
        layer.merge()
    _remove_adapter(model)


def save_adapter(language_model: LanguageModel, directory: Path) -> None:
    """Write the adapter as peft does, so that peft and other libraries load it onto the base model.

    Args:
        language_model: its model has an adapter, added by `add_adapter` and not yet merged.
        directory: gets `adapter_config.json` and `adapter_model.safetensors`; files of these names
            are replaced.
    """
    from peft import get_peft_model_state_dict

    model: Any = language_model.model
    (settings,) = model.peft_config.values()
    config = settings.to_dict() | {
        "base_model_name_or_path": language_model.source,
        "task_type": "CAUSAL_LM" if language_model.kind == "causal" else None,
        "inference_mode": True,
    }
    if settings.exclude_modules:  # which not every library knows
        config |= {"target_modules": sorted(adapter_layers(model)), "exclude_modules": None}
    weights = {
        f"{PREFIX}{name}": values.detach().cpu().contiguous()
        for name, values in get_peft_model_state_dict(model, save_embedding_layers=False).items()
    }
    saved = safetensors.torch.save(weights, metadata={"format": "pt"})
    write_atomically(directory / WEIGHTS, saved)
    text = json.dumps(config, indent=2, sort_keys=True, default=sorted)
    write_atomically(directory / CONFIG, text.encode())


def reference_for(
    model: PreTrainedModel, original: Mapping[str, Tensor], config: UnlearningConfig
) -> PreTrainedModel | None:
    """Return a frozen model with the original weights, which it shares with `original`.

    None if no loss needs a reference model, or if the trainer has another source: the model with
    its adapter disabled (LoRA), or precomputed hidden states.

    Args:
        model: the model in training.
        original: the original weights, for every name in `model.named_parameters()`.
        config: the settings of the run.
    """
    if config.precompute_ref_hidden_states or config.lora_rank or not config.needs_ref_model:
        return None
    shared: dict[int, Any] = {
        id(parameter): nn.Parameter(original[name], requires_grad=False)
        for name, parameter in model.named_parameters()
    }
    return copy.deepcopy(model, shared)


@contextmanager
def disable_layers(layers: Collection[Any]) -> Iterator[None]:
    """Disable some layers of an adapter, from `adapter_layers`, within the context."""
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def adapter_layers(model: PreTrainedModel) -> dict[str, Any]:
    """Return the layers with an adapter, by their names in the model."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {n: module for n, module in model.named_modules() if isinstance(module, BaseTunerLayer)}


def _remove_adapter(model: PreTrainedModel) -> None:
    """Replace the adapter's layers by their base layers, which may hold merged weights."""
    for name, layer in reversed(adapter_layers(model).items()):  # the innermost first
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
    del model.peft_config
    model.requires_grad_(True)
