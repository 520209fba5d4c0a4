"""Many token sequences in, per-token log-probabilities out, for any causal model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import PreTrainedModel

from fairforget.forward.linear_head import chosen_log_probs, linear_head
from fairforget.forward.packing import PackedBatch, pack, supports_tree_attention
from fairforget.forward.split_forward import can_split, full_logits, hidden_states, logits_at

BATCH_TOKENS = 1024
"""Tokens of a forward pass: enough for full matrix-multiplication speed, few enough for caches."""
HEAD_ROWS = 256
"""Positions whose logits exist at one time."""

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with the number of items finished since the last call, and of all there are."""


def token_log_probs(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[Floats]:
    """Log p(x_i | x_<i) in nats for every token but the first of every sequence.

    Shared prefixes are computed once; the head and the log-softmax run in float32 over a few
    positions at a time. A model whose attention does not honour prefix trees, found by a check,
    is scored in padded batches of similar length; one whose head cannot be run apart from its body,
    found likewise, by its whole forward pass.

    Args:
        model: a causal model; dropout is off while scoring, and put back as it was.
        sequences: token ids, with the start token where one is wanted.
        batch_tokens: tokens (padding included) of one forward pass.
        progress: called with the number of sequences finished since the last call, and of all
            that have something to predict.

    Returns:
        One float32 array [length − 1] per sequence, in the order given.
    """
    results = [np.zeros(0, np.float32) for _ in sequences]
    total = sum(len(sequence) > 1 for sequence in sequences)
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            trees = supports_tree_attention(model, max(map(len, sequences), default=0))
            split = trees or can_split(
                model, model.device
            )  # the check of trees ran them apart, too
            head = linear_head(model) if split else None
            for batch in pack(sequences, trees=trees, batch_tokens=batch_tokens):
                targets = [np.asarray(sequences[index][1:]) for index, _ in batch.members]
                log_probs = _log_probs(model, split, head, batch, np.concatenate(targets))
                ends = np.cumsum([len(part) for part in targets])
                for (index, _), part in zip(
                    batch.members, np.split(log_probs, ends[:-1]), strict=True
                ):
                    results[index] = part
                if progress:
                    progress(len(batch.members), total)
    finally:
        model.train(training)
    return results


def _log_probs(
    model: PreTrainedModel,
    split: bool,
    head: nn.Linear | None,
    batch: PackedBatch,
    targets: npt.NDArray[np.int64],
) -> Floats:
    """The log-probability of each target at the place that predicts it, in order of members."""
    device = model.device
    inputs = {name: value.to(device) for name, value in batch.inputs.items()}
    hidden = (hidden_states if split else full_logits)(model, **inputs).flatten(0, 1)
    places, row = np.unique(
        np.concatenate([places for _, places in batch.members]), return_inverse=True
    )
    hidden = hidden[torch.from_numpy(places).to(device)]
    order = np.argsort(row, kind="stable")
    edges = np.searchsorted(row[order], np.arange(0, len(places) + HEAD_ROWS, HEAD_ROWS))
    found = np.empty(len(targets), np.float32)
    for chunk, (first, last) in enumerate(pairwise(edges)):
        start = chunk * HEAD_ROWS
        part = hidden[start : start + HEAD_ROWS]
        mine = order[first:last]
        where = torch.from_numpy(row[mine] - start).to(device)
        token = torch.from_numpy(targets[mine]).to(device)
        if head is not None:
            scores = chosen_log_probs(head, part, where, token)
        else:
            logits = (logits_at(model, part) if split else part).float()
            scores = logits[where, token] - logits.logsumexp(-1)[where]
        found[mine] = scores.cpu().numpy()
    return found
