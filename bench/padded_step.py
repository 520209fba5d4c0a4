"""The step that bench/step.py compares with: everything padded, logits of every position.

Its linear layers are ours (`fast_linear`), so that what differs is what each step computes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.linear import fast_linear


def padded_step(
    model: PreTrainedModel,
    forget: list[tuple[list[int], list[bool]]],
    retain: list[list[int]],
) -> Callable[[], float]:
    """Forward and backward over [batch, length, vocabulary], the reference likewise."""
    reference = copy.deepcopy(model).eval().requires_grad_(False)
    ids, seen = padded([ids for ids, _ in forget])
    wanted = torch.zeros_like(ids, dtype=torch.bool)
    for row, (_, mask) in enumerate(forget):
        wanted[row, : len(mask)] = torch.tensor(mask)
    kept, kept_seen = padded(retain)

    @fast_linear()
    def step() -> float:
        log_probs = model(input_ids=ids, attention_mask=seen).logits.float().log_softmax(-1)
        of_targets = log_probs[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
        forget_loss = of_targets[wanted[:, 1:]].mean()
        mine = model(input_ids=kept, attention_mask=kept_seen).logits.float().log_softmax(-1)
        with torch.no_grad():
            theirs = reference(input_ids=kept, attention_mask=kept_seen).logits.float()
            theirs = theirs.log_softmax(-1)
        divergence = (theirs.exp() * (theirs - mine)).sum(-1)[:, :-1]
        retain_loss = divergence[kept_seen[:, 1:].bool()].mean()
        loss: Tensor = forget_loss + retain_loss
        loss.backward()
        return loss.item()

    return step


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids and mask [batch, longest]."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    mask = torch.arange(width) < torch.tensor([[len(row)] for row in rows])
    return ids, mask.long()
