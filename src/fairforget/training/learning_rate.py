"""The default learning rate, proportional to the magnitude of the model's weights.

AdamW changes each weight by about the learning rate per step. Magnitudes differ between models: the
root mean square of the matrices of Gemma 3 270M is five to six times smaller than in SmolLM2-135M,
so at the same rate Gemma's weights change five to six times as much in relative terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn
from transformers import PreTrainedModel

RELATIVE_RATE = 2.07e-4
"""Learning rate ÷ root mean square of the weights. It gives 4e-5 for SmolLM2-135M, the rate that
was chosen on it."""
ADAPTER_RATE = 2e-4
"""For a LoRA adapter, whose initial weights, zero or random, do not depend on the model's."""


def default_learning_rate(model: PreTrainedModel, lora_rank: int = 0) -> float:
    """Return the peak learning rate of AdamW for a run that sets none.

    Like the relative step size of Adafactor (Shazeer and Stern 2018, section 8), it is proportional
    to the root mean square of the weights, but it is a single number for the whole model. It is
    rounded to two significant digits.

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
    """Yield the weight matrices except embeddings and the output head.

    Embeddings are left out because their scale is arbitrary where a normalisation layer or a factor
    follows.
    """
    head = model.get_output_embeddings()
    left_out = {id(head.weight)} if head is not None else set()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            continue
        for weight in module.parameters(recurse=False):
            if weight.ndim >= 2 and id(weight) not in left_out:
                yield weight
