"""Log-probabilities of given tokens from a linear head, on a CPU.

The vocabulary is processed in slices whose logits stay in the processor's cache and are reduced
there. The full logits of a few hundred positions would be the largest tensor of a small model, and
would be written to memory each time. A head in half precision is converted slice by slice: bfloat16
logits of SmolLM2-135M change a log-probability by 0.03 nats (root mean square).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairforget.forward.probes import probe_once
from fairforget.forward.split_forward import logits_at

COLUMNS = 4096
"""Vocabulary entries of a slice."""
LARGEST_LOGITS = (1.0, 1000.0)
"""Largest logits of the probes: a small one reveals an added term, a large one a soft cap."""
PROBE_TOLERANCE = 1e-4
"""Largest difference of logits, relative to the largest logit, of a head that counts as linear."""


def linear_head(model: PreTrainedModel) -> nn.Linear | None:
    """Return the model's head if it is a plain linear layer on a CPU, else None.

    A test determines it, once per model: a head that scales or caps its logits, or has more layers,
    gives other logits.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear) or head.weight.device.type != "cpu":
        return None
    is_linear = probe_once(model, "linear head", lambda: _test_linear_head(model, head))
    return head if is_linear else None


def _test_linear_head(model: PreTrainedModel, head: nn.Linear) -> bool | None:
    """Compare the logits of random states; None if the weights of the head are not a number."""
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(4, head.in_features, generator=generator).to(head.weight)
    largest_logit = head(probe).abs().max()
    if largest_logit.isnan():
        return None
    for largest in LARGEST_LOGITS:
        hidden = probe * (largest / largest_logit)
        linear, expected = head(hidden).float(), logits_at(model, hidden).float()
        if expected.shape != linear.shape:
            return False
        if not (expected - linear).abs().max() <= PROBE_TOLERANCE * largest:
            return False
    return True


def chosen_log_probs(
    head: nn.Linear, hidden: Tensor, rows: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """Return log p(tokens[i]) at hidden[rows[i]] and of the likeliest token there.

    In float32, without gradients.

    Args:
        head: a linear layer, hidden size → vocabulary. In half precision, it runs in float32.
        hidden: [n, hidden size].
        rows: [m] indices into `hidden`.
        tokens: [m] token ids.

    Returns:
        [m] and [m] nats, equal if the token is the likeliest; the first is NaN for a token that the
        vocabulary of the head does not have.
    """
    n = len(hidden)
    dtype = torch.promote_types(head.weight.dtype, torch.float32)
    hidden = hidden.to(dtype)  # the body may compute in another precision
    maximum = hidden.new_full((n,), torch.finfo(torch.float32).min, dtype=torch.float32)
    total = torch.zeros_like(maximum)
    token_logits = total.new_full((len(tokens),), math.nan)
    for start in range(0, head.out_features, COLUMNS):
        weight = head.weight[start : start + COLUMNS].to(dtype)
        bias = None if head.bias is None else head.bias[start : start + COLUMNS].to(dtype)
        logits = nn.functional.linear(hidden, weight, bias).float()
        in_slice = (tokens >= start) & (tokens < start + len(weight))
        token_logits[in_slice] = logits[rows[in_slice], tokens[in_slice] - start]
        new_maximum = torch.maximum(maximum, logits.amax(-1))
        exponentials = logits.sub_(new_maximum[:, None]).exp_()
        total = total * (maximum - new_maximum).exp() + exponentials.sum(-1)
        maximum = new_maximum
    total = maximum + total.log()
    return token_logits - total[rows], (maximum - total)[rows]
