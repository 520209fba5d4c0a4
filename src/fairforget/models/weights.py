"""Load weights, and refuse files whose weights are not those of the model's configuration.

transformers fills missing weights with random numbers, and ignores those that the configuration
does not describe.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import torch
from transformers import PreTrainedModel

from fairforget.errors import InputError

WRAPPERS = ("_orig_mod.", "module.")
"""Prefixes of the weights of a wrapped model: by `torch.compile`, by parallel training."""
REMEDY = "download it again, or use the configuration that matches these weights"


def load_weights(loader: Any, name: str, **options: Any) -> PreTrainedModel:
    """Load a model whose files hold all of its weights.

    Args:
        loader: transformers' auto class for the model.
        name: of the model, for messages.
        options: of `from_pretrained`, with the location of the model.

    Raises:
        InputError: a weight is missing or has another shape, or there are weights of further
            layers, of modules that have no such weight, or of a wrapped model.
    """
    model: PreTrainedModel
    model, info = loader.from_pretrained(
        **options,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # else the error does not name the weight
    )
    _check_wrapper(info["unexpected_keys"], name)
    for key, found, expected in sorted(info["mismatched_keys"]):
        raise InputError(
            f"model {name!r}: {key} has the shape {tuple(found)} in its files, but "
            f"{tuple(expected)} according to its configuration; {REMEDY}"
        )
    if missing := info["missing_keys"]:
        raise InputError(f"model {name!r}: its files do not contain {summarize(missing)}; {REMEDY}")
    check_surplus(model, info["unexpected_keys"], name)
    return model


def check_surplus(model: PreTrainedModel, unexpected: Collection[str], name: str) -> None:
    """Check that weights which were not loaded do not belong to the model.

    Those of other heads or old buffers may be ignored, such as a pooler of BERT.

    Args:
        model: the loaded model.
        unexpected: names of the weights.
        name: of the model, for messages.

    Raises:
        InputError: they are of layers beyond the last, or of a module that has other weights.
    """
    modules = dict(model.named_modules())
    if surplus := [key for key in unexpected if _belongs(key, modules, model.base_model_prefix)]:
        raise InputError(
            f"model {name!r}: its files contain {summarize(surplus)}, which its configuration does "
            "not describe; use the configuration that matches these weights"
        )


def summarize(names: Collection[str]) -> str:
    """Return the first name and the number of others: "a.weight and 3 other weights"."""
    first, others = min(names), len(names) - 1
    return f"{first} and {others} other weight{'s' * (others > 1)}" if others else first


def _check_wrapper(unexpected: Collection[str], name: str) -> None:
    for key in sorted(unexpected):
        for wrapper in WRAPPERS:
            if key.startswith(wrapper) or f".{wrapper}" in key:
                raise InputError(
                    f"model {name!r}: it was saved while wrapped, so a weight is named {key}; "
                    f"remove {wrapper!r} from their names"
                )


def _belongs(key: str, modules: dict[str, torch.nn.Module], prefix: str) -> bool:
    """Return whether a weight is of a layer beyond the last, or of a module with other weights."""
    for full in (key, f"{prefix}.{key}"):  # files may leave out the prefix of the base model
        for number in re.finditer(r"\.(\d+)\.", full):
            layers = modules.get(full[: number.start()])
            if isinstance(layers, torch.nn.ModuleList) and int(number[1]) >= len(layers):
                return True
        owner, _, leaf = full.rpartition(".")
        if leaf in ("weight", "bias") and owner in modules and modules[owner]._parameters:
            return True
    return False
