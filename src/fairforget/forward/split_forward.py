"""Run a model's body and its head apart, so that the head runs only where it is needed.

The logits of a whole batch are by far the largest tensor of a small model: [batch, length,
vocabulary]. Here the body gives hidden states, the caller picks positions, and the head turns
those into logits. The head is the model's own forward pass with the body's result put in place,
so that whatever an architecture does to its logits (biases, scaling, soft caps) is kept.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from fairforget.forward.linear import fast_linear

PROBE_ERRORS = (TypeError, ValueError, RuntimeError, AttributeError, LookupError)
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
    with _linear_layers(model):
        output: Tensor = body(**inputs, **cache).last_hidden_state
    return output


def is_masked(model: PreTrainedModel) -> bool:
    """Whether the model predicts hidden tokens from both sides (BERT, RoBERTa, …)."""
    return type(model).__name__.endswith("ForMaskedLM")


def full_logits(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    """Logits [batch, length, vocabulary] of the model's own forward pass.

    Its class's one, even while training has put another in its place.
    """
    with _linear_layers(model):
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
        return full_logits(model, input_ids=ids)[0]
    finally:
        model._modules[name] = body


def can_split(model: PreTrainedModel, device: torch.device) -> bool:
    """Whether body and head, run apart, give the model's own logits; found by trying.

    A class may do more than run its head on the body's result: add what it makes of the tokens,
    or call its body by another name. Without dropout and mixed precision, so that both ways meet
    the same numbers.

    Args:
        model: causal or masked; put back into the mode that it was in.
        device: where it computes, which need not be where its weights wait.
    """
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.arange(3, 11, device=device)[None] % vocabulary
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    tolerance = probe_tolerance(model.dtype)
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            mine = logits_at(model, hidden_states(model, **inputs)[0]).float().log_softmax(-1)
            plain = full_logits(model, **inputs)[0].float().log_softmax(-1)
    except PROBE_ERRORS:
        return False
    finally:
        model.train(training)
    return mine.shape == plain.shape and torch.allclose(mine, plain, rtol=0, atol=tolerance)


def head_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The trainable weights that `logits_at` uses, tied ones among them."""
    heads = [part for name, part in model.named_children() if name != model.base_model_prefix]
    found = dict.fromkeys(weight for head in heads for weight in head.parameters())
    return [weight for weight in found if weight.requires_grad]


def extract_head(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of the model that has only its head: `logits_at` is all that it can do."""
    body = model.get_submodule(model.base_model_prefix)
    return copy.deepcopy(model, {id(body): nn.Identity()})


def _linear_layers(model: PreTrainedModel) -> AbstractContextManager[None]:
    """The fast ones, but torch's own where gradient checkpointing computes a layer again.

    It does so in the backward pass, out of reach from here, and both times must be the same.
    """
    again = (
        model.training
        and torch.is_grad_enabled()
        and any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    )
    return nullcontext() if again else fast_linear()


class _Given(nn.Module):
    """Stands in for a body whose result is known."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden

    @property
    def decoder(self) -> _Given:
        """OPT's head calls `model.decoder`."""
        return self

    def forward(self, *_: Any, **__: Any) -> _Result:
        return _Result(last_hidden_state=self.hidden)


@dataclass
class _Result(BaseModelOutputWithPastAndCrossAttentions):
    """Nothing but hidden states: whatever else a head looks for is None.

    Heads of mixtures of experts hand on `router_logits`, others what their own bodies give.
    """

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):  # what Python looks for is not there
            raise AttributeError(name)
