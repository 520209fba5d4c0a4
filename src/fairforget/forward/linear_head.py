"""Log-probabilities of chosen tokens from a head that is one matrix product.

On a CPU. The vocabulary is taken in slices that stay in the processor's cache, and normalised while
it is there: the logits of a few hundred positions would otherwise be the largest tensor of a small
model, written to memory anew each time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairforget.forward.linear import linear
from fairforget.forward.split_forward import PROBE_ERRORS, logits_at

COLUMNS = 4096
"""Words of a slice."""
LARGEST_LOGITS = (1.0, 1000.0)
"""Of the probes: one would show a term of the head's own, the other runs into any cap."""
PROBE_TOLERANCE = 1e-4
"""Difference of logits, relative to the largest, at which a head still counts as linear."""


def linear_head(model: PreTrainedModel) -> nn.Linear | None:
    """The model's head where it is a plain linear layer on a CPU, found by trying; else none.

    A head that scales or caps its logits, or has layers of its own, gives other logits.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear) or head.weight.device.type != "cpu":
        return None
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(4, head.in_features, generator=generator).to(head.weight)
    try:
        usual = head(probe).abs().max()
        for largest in LARGEST_LOGITS:
            hidden = probe * (largest / usual)
            mine, theirs = head(hidden).float(), logits_at(model, hidden).float()
            if theirs.shape != mine.shape:
                return None
            if not (theirs - mine).abs().max() <= PROBE_TOLERANCE * largest:
                return None
    except PROBE_ERRORS:
        return None
    return head


def chosen_log_probs(head: nn.Linear, hidden: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
    """Log p(tokens[i]) at hidden[rows[i]], in float32, without gradients.

    Args:
        head: [vocabulary, width].
        hidden: [n, width].
        rows: [m] indices into `hidden`.
        tokens: [m] token ids.

    Returns:
        [m] nats.
    """
    n = len(hidden)
    hidden = hidden.to(head.weight.dtype)  # a body may compute in a finer one
    highest = hidden.new_full((n,), torch.finfo(torch.float32).min, dtype=torch.float32)
    total = torch.zeros_like(highest)
    chosen = torch.empty(len(tokens), dtype=torch.float32, device=hidden.device)
    for start in range(0, head.out_features, COLUMNS):
        weight = head.weight[start : start + COLUMNS]
        bias = None if head.bias is None else head.bias[start : start + COLUMNS]
        logits = linear(hidden, weight, bias).float()
        mine = (tokens >= start) & (tokens < start + len(weight))
        chosen[mine] = logits[rows[mine], tokens[mine] - start]
        top = torch.maximum(highest, logits.amax(-1))
        total = total * (highest - top).exp() + logits.sub_(top[:, None]).exp_().sum(-1)
        highest = top
    return chosen - (highest + total.log())[rows]
