"""The baseline of bench/step.py: padded sequences, and the logits of every position."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel


def padded_step(
    model: PreTrainedModel,
    forget: list[tuple[list[int], list[bool]]],
    retain: list[list[int]],
) -> Callable[[], float]:
    """Return a step: forward and backward pass over [batch, length, vocabulary]."""
    ref_model = copy.deepcopy(model).eval().requires_grad_(False)
    ids, attention_mask = pad([ids for ids, _ in forget])
    is_target = torch.zeros_like(ids, dtype=torch.bool)
    for row, (_, mask) in enumerate(forget):
        is_target[row, : len(mask)] = torch.tensor(mask)
    retain_ids, retain_mask = pad(retain)

    def step() -> float:
        log_probs = predict(model, ids, attention_mask)
        token_log_probs = log_probs[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
        forget_loss = token_log_probs[is_target[:, 1:]].mean()
        log_probs = predict(model, retain_ids, retain_mask)
        with torch.no_grad():
            ref_log_probs = predict(ref_model, retain_ids, retain_mask)
        divergence = (ref_log_probs.exp() * (ref_log_probs - log_probs)).sum(-1)[:, :-1]
        retain_loss = divergence[retain_mask[:, 1:].bool()].mean()
        loss: Tensor = forget_loss + retain_loss
        loss.backward()
        return loss.item()

    return step


def predict(model: PreTrainedModel, ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the log-probabilities [batch, length, vocabulary]."""
    logits: Tensor = model(input_ids=ids, attention_mask=attention_mask).logits
    return logits.float().log_softmax(-1)


def pad(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask [batch, longest]."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    mask = torch.arange(width) < torch.tensor([[len(row)] for row in rows])
    return ids, mask.long()
