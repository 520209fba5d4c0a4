"""The default learning rate: relative to the size of the model's weights.

AdamW changes every weight by about the learning rate per step. Weights differ in size between
models: the matrices of Gemma 3 270M are five to six times smaller than those of SmolLM2-135M, so
the same rate moves Gemma that much further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn
from transformers import PreTrainedModel

RELATIVE_RATE = 2.07e-4
"""Learning rate ÷ root mean square of the weights. For SmolLM2-135M, this is the rate of 4e-5 that
was chosen on it."""
ADAPTER_RATE = 2e-4
"""For a LoRA adapter, whose weights start at 0 or at random whatever the model."""


def default_learning_rate(model: PreTrainedModel, lora_rank: int = 0) -> float:
    """Return the peak learning rate of AdamW for a run that sets none.

    It is proportional to the root mean square of the weights, as the step size of Adafactor is
    (Shazeer and Stern 2018, "Adafactor", section 8, relative step size), but one number for the
    whole model, and rounded to two significant digits.

    Args:
        model: with its original weights.
        lora_rank: rank of the adapter that is trained instead of the weights; 0 for none.
    """
    if lora_rank:
        return ADAPTER_RATE
    count, square = 0, 0.0
    for weight in _matrices(model):
        count += weight.numel()
        square += float(weight.detach().float().square().sum())
    return float(f"{RELATIVE_RATE * math.sqrt(square / count):.1e}")


def _matrices(model: PreTrainedModel) -> Iterator[Tensor]:
    """Yield the weight matrices between embeddings and output head.

    The size of embeddings is arbitrary where a norm or a factor follows, and that of norms and
    biases says nothing about the matrices.
    """
    head = model.get_output_embeddings()
    left_out = {id(head.weight)} if head is not None else set()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            continue
        for weight in module.parameters(recurse=False):
            if weight.ndim >= 2 and id(weight) not in left_out:
                yield weight
