"""Run a model's body and its head apart, so that the head runs only where it is needed.

The logits of a whole batch are by far the largest tensor of a small model: [batch, length,
vocabulary]. Here the body gives hidden states, the caller picks positions, and the head turns
those into logits. The head is the model's own forward pass with the body's result put in place,
so that whatever an architecture does to its logits (biases, scaling, soft caps) is kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from fairforget.forward.linear import fast_linear

PROBE_FAULTS = (TypeError, ValueError, RuntimeError, AttributeError)
"""What a model may raise that is tried out in a way that it was not made for."""


def probe_tolerance(dtype: torch.dtype) -> float:
    """Nats by which log-probabilities found in two ways may differ."""
    return 1e-3 if dtype in (torch.float32, torch.float64) else 0.1


def hidden_states(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    """Last hidden states [batch, length, width] of the model's body.

    An attention mask [batch, 1, length, length] is boolean here (true: sees) and becomes the
    additive one that every attention implementation takes.
    """
    mask = inputs["attention_mask"]
    if mask.dtype == torch.bool:
        blocked = torch.finfo(model.dtype).min
        additive = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device)
        inputs["attention_mask"] = additive.masked_fill_(~mask, blocked)
    body = model.get_submodule(model.base_model_prefix)
    cache = {} if is_masked(model) else {"use_cache": False}
    with fast_linear():
        output: Tensor = body(**inputs, **cache).last_hidden_state
    return output


def is_masked(model: PreTrainedModel) -> bool:
    """Whether the model predicts hidden tokens from both sides (BERT, RoBERTa, …)."""
    return type(model).__name__.endswith("ForMaskedLM")


def whole_logits(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    """Logits [batch, length, vocabulary] of the model's own forward pass.

    Its class's one, even while training has put another in its place.
    """
    with fast_linear():
        logits: Tensor = type(model).forward(model, **inputs).logits
    return logits


def logits_at(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Logits [n, vocabulary] of hidden states [n, width], by the model's own head."""
    name = model.base_model_prefix
    body = model.get_submodule(name)
    model._modules[name] = _Given(hidden[None])
    try:
        # a forward pass may look at the shape and device of its input, never at the content
        ids = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        return whole_logits(model, input_ids=ids)[0]
    finally:
        model._modules[name] = body


def head_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The trainable weights that `logits_at` uses, tied ones among them."""
    heads = [part for name, part in model.named_children() if name != model.base_model_prefix]
    found = dict.fromkeys(weight for head in heads for weight in head.parameters())
    return [weight for weight in found if weight.requires_grad]


class _Given(nn.Module):
    """Stands in for a body whose result is known."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden

    @property
    def decoder(self) -> _Given:
        """OPT's head calls `model.decoder`."""
        return self

    def forward(self, *_: Any, **__: Any) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=self.hidden)
