"""Run a model's body and head separately, so that the head runs only at the positions needed.

The logits of a batch, [batch, length, vocabulary], are by far the largest tensor of a small model.
Here the body returns hidden states, the caller selects positions, and the head turns those into
logits. The head is the model's own forward pass with the body replaced by its result, so whatever
an architecture does to its logits (biases, scaling, soft caps) is kept.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from fairforget.forward.probes import probe_inputs, probe_once, probe_tolerance, run_probe


def hidden_states(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    """Return the last hidden states [batch, length, hidden size] of the model's body.

    A boolean attention mask [batch, 1, length, length] (true: attends) is converted to the additive
    mask that every attention implementation takes.
    """
    mask = inputs["attention_mask"]
    if mask.dtype == torch.bool:
        blocked = torch.finfo(model.dtype).min
        additive = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device)
        inputs["attention_mask"] = additive.masked_fill_(~mask, blocked)
    body = model.get_submodule(model.base_model_prefix)
    cache = {} if is_masked(model) else {"use_cache": False}
    output: Tensor = body(**inputs, **cache).last_hidden_state
    return output


def is_masked(model: PreTrainedModel) -> bool:
    """Whether the model is a masked language model (BERT, RoBERTa, …)."""
    return type(model).__name__.endswith("ForMaskedLM")


def full_logits(model: PreTrainedModel, **inputs: Tensor) -> Tensor:
    """Return the logits [batch, length, vocabulary] of the model class's own forward pass.

    During training `model.forward` computes the losses instead.
    """
    logits: Tensor = type(model).forward(model, **inputs).logits
    return logits


def hidden_or_logits(model: PreTrainedModel, *, split: bool, **inputs: Tensor) -> Tensor:
    """Return [batch, length, …]: the hidden states, or the logits if the head cannot run apart.

    Args:
        model: causal or masked.
        split: the result of `can_split`.
        **inputs: of the model.
    """
    return (hidden_states if split else full_logits)(model, **inputs)


def logits_at(model: PreTrainedModel, hidden: Tensor) -> Tensor:
    """Return the logits [n, vocabulary] of hidden states [n, hidden size] from the model's head."""
    name = model.base_model_prefix
    body = model.get_submodule(name)
    model._modules[name] = _FixedBody(hidden[None])
    try:
        # a forward pass may read the shape and device of its input, but never the values
        ids = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        return full_logits(model, input_ids=ids)[0]
    finally:
        model._modules[name] = body


def can_split(model: PreTrainedModel) -> bool:
    """Whether body and head, run separately, give the model's own logits; tested once per model.

    A class may do more than apply its head to the body's result: add terms that depend on the
    tokens, or call its body by another name.

    Args:
        model: causal or masked. Its mode is restored.
    """
    return probe_once(model, "split", lambda: _test_split(model, model.device))


def can_split_now(model: PreTrainedModel, device: torch.device) -> bool:
    """Whether body and head can run separately, tested at every call.

    If several processes share the weights, all of them must run the test together, so none may
    know its result already.

    Args:
        model: causal or masked. Its mode is restored.
        device: where it computes, which may differ from where its weights are stored.
    """
    return bool(run_probe(model, lambda: _test_split(model, device)))


def _test_split(model: PreTrainedModel, device: torch.device) -> bool | None:
    """Compare the logits of a few tokens; without mixed precision, so that both ways round alike.

    Returns:
        None if the logits are not a number, with any way to compute them.
    """
    inputs = probe_inputs(model, [range(3, 11)], device)
    with torch.autocast(device.type, enabled=False):
        full = full_logits(model, **inputs)[0].float().log_softmax(-1)
        if full.isnan().any():
            return None
        split = logits_at(model, hidden_states(model, **inputs)[0]).float().log_softmax(-1)
    tolerance = probe_tolerance(model.dtype)
    return split.shape == full.shape and torch.allclose(split, full, rtol=0, atol=tolerance)


def head_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """Return the trainable weights that `logits_at` uses, tied weights included."""
    heads = [module for name, module in model.named_children() if name != model.base_model_prefix]
    unique = dict.fromkeys(weight for head in heads for weight in head.parameters())
    return [weight for weight in unique if weight.requires_grad]


def extract_head(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy of the model without its body, for use with `logits_at` only."""
    body = model.get_submodule(model.base_model_prefix)
    return copy.deepcopy(model, {id(body): nn.Identity()})


class _FixedBody(nn.Module):
    """Replaces the body by its known result."""

    def __init__(self, hidden: Tensor) -> None:
        super().__init__()
        self.hidden = hidden

    @property
    def decoder(self) -> _FixedBody:
        """OPT's forward pass calls `model.decoder`."""
        return self

    def forward(self, *_: Any, **__: Any) -> _HiddenStates:
        return _HiddenStates(last_hidden_state=self.hidden)


@dataclass
class _HiddenStates(BaseModelOutputWithPastAndCrossAttentions):
    """An output with hidden states only: every other attribute is None.

    Mixtures of experts pass on `router_logits`, other models what their own bodies return.
    """

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):  # Python's own protocols must not find a None
            raise AttributeError(name)
