"""The default learning rate, proportional to the magnitude of the model's weights.

AdamW changes each weight by about the learning rate per step. Magnitudes differ between models: the
root mean square of the matrices of Gemma 3 270M is five to six times smaller than in SmolLM2-135M,
so at the same rate Gemma's weights change five to six times as much in relative terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.models.adapter_directory import has_adapter
from fairforget.training.config import UnlearningConfig

RELATIVE_RATE = 1.04e-4
"""Learning rate ÷ root mean square of the weights. It gives 2e-5 for SmolLM2-135M, the model
on which it was chosen."""
ADAPTER_RATE = 2e-4
"""For a LoRA adapter, whose initial weights, zero or random, do not depend on the model's."""
RATES = (RELATIVE_RATE, ADAPTER_RATE)
"""Constants that a run's result depends on."""


def resolve_learning_rate(config: UnlearningConfig, model: PreTrainedModel) -> UnlearningConfig:
    """Return the settings, or a copy with the default learning rate if they have none.

    Args:
        config: the settings, which are not changed: another model has another default.
        model: with its original weights.

    Raises:
        InputError: as for `default_learning_rate`.
    """
    if config.learning_rate is not None:
        return config
    rate = default_learning_rate(model, adapter=bool(config.lora_rank) or has_adapter(model))
    return config.with_learning_rate(rate)


def default_learning_rate(model: PreTrainedModel, *, adapter: bool = False) -> float:
    """Return the peak learning rate of AdamW for a run that sets none.

    Like the relative step size of Adafactor (Shazeer and Stern 2018, section 8), it is proportional
    to the root mean square of the weights, but it is a single number for the whole model. It is
    rounded to two significant digits.

    Args:
        model: with its original weights.
        adapter: whether a LoRA adapter is trained instead of the weights.

    Raises:
        InputError: the model has no weight matrices, or they are all zero or not finite.
    """
    if adapter:
        return ADAPTER_RATE
    count, square = 0, 0.0
    for weight in _matrices(model):
        count += weight.numel()
        square += float(torch.linalg.vector_norm(weight.detach(), dtype=torch.float32)) ** 2
    rate = RELATIVE_RATE * math.sqrt(square / count) if count else 0.0
    if not 0 < rate < math.inf:
        raise InputError(
            "the default learning rate follows from the model's weight matrices, but these are "
            "missing, zero or not finite; check the model, or set --learning_rate"
        )
    return float(f"{rate:.1e}")


def _matrices(model: PreTrainedModel) -> Iterator[Tensor]:
    """Yield the weight matrices, and the stacked ones of experts.

    Embeddings and the output head are left out, because the scale of embeddings is arbitrary where
    a normalisation layer or a factor follows.
    """
    head = model.get_output_embeddings()
    left_out = {id(weight) for weight in head.parameters()} if head is not None else set()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            continue
        for name, weight in module.named_parameters(recurse=False):
            is_matrix = weight.ndim > 2 or (weight.ndim == 2 and name == "weight")
            if is_matrix and id(weight) not in left_out:
                yield weight
