"""Log-probabilities of every token of many sequences, from any causal model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import PreTrainedModel

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.linear_head import chosen_log_probs, linear_head
from fairforget.forward.packing import PackedBatch, pack, supports_tree_attention
from fairforget.forward.split_forward import can_split, hidden_or_logits, logits_at
from fairforget.scoring.progress import Progress

BATCH_TOKENS = 1024
"""Tokens of a forward pass: enough for fast matrix products, few enough for the caches."""
HEAD_ROWS = 256
"""Positions of one chunk of the head."""

Floats32 = npt.NDArray[np.float32]


def token_log_probs(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[Floats32]:
    """Return log p(x_i | x_<i) in nats for every token after the first of every sequence.

    Shared prefixes are computed once. The head runs on a few positions at a time. The log-softmax
    is in float32, and so is a linear head on a CPU; other heads run in the model's dtype, and
    bfloat16 logits have an error of hundredths of a nat. A model whose attention does not support
    prefix trees is scored in padded batches of similar length. A model whose head cannot run
    separately is scored by its full forward pass. A test on a few tokens detects both.

    Args:
        model: a causal model. Dropout is disabled while scoring; the mode is restored.
        sequences: token ids, including the start token if one is used.
        batch_tokens: tokens in a forward pass, including padding.
        progress: called with the number of sequences finished since the last call, and the number
            of sequences with a token to predict.

    Returns:
        A float32 array [length − 1] per sequence, in the given order.
    """
    results = [np.zeros(0, np.float32) for _ in sequences]
    total = sum(len(sequence) > 1 for sequence in sequences)
    with evaluation_mode(model), torch.inference_mode():
        trees = supports_tree_attention(model, max(map(len, sequences), default=0))
        split = trees or can_split(model)  # trees are tested split
        head = linear_head(model) if split else None
        for batch in pack(sequences, trees=trees, batch_tokens=batch_tokens):
            targets = [np.asarray(sequences[index][1:]) for index, _ in batch.members]
            log_probs = _batch_log_probs(model, split, head, batch, np.concatenate(targets))
            ends = np.cumsum([len(part) for part in targets])
            parts = np.split(log_probs, ends[:-1])
            for (index, _), part in zip(batch.members, parts, strict=True):
                results[index] = part
            if progress:
                progress(len(batch.members), total)
    return results


def _batch_log_probs(
    model: PreTrainedModel,
    split: bool,
    head: nn.Linear | None,
    batch: PackedBatch,
    targets: npt.NDArray[np.int64],
) -> Floats32:
    """Return the log-probability of each target token, in the order of the batch's members."""
    device = model.device
    inputs = {name: value.to(device) for name, value in batch.inputs.items()}
    hidden = hidden_or_logits(model, split=split, **inputs).flatten(0, 1)
    # sequences share positions: run the head once for each
    positions, row = np.unique(
        np.concatenate([path for _, path in batch.members]), return_inverse=True
    )
    hidden = hidden[torch.from_numpy(positions).to(device)]
    order = np.argsort(row, kind="stable")
    edges = np.searchsorted(row[order], np.arange(0, len(positions) + HEAD_ROWS, HEAD_ROWS))
    log_probs = np.empty(len(targets), np.float32)
    for chunk, (first, last) in enumerate(pairwise(edges)):
        start = chunk * HEAD_ROWS
        part = hidden[start : start + HEAD_ROWS]
        members = order[first:last]
        rows = torch.from_numpy(row[members] - start).to(device)
        tokens = torch.from_numpy(targets[members]).to(device)
        if head is not None:
            values = chosen_log_probs(head, part, rows, tokens)
        else:
            logits = (logits_at(model, part) if split else part).float()
            values = logits[rows, tokens] - logits.logsumexp(-1)[rows]
        log_probs[members] = values.cpu().numpy()
    return log_probs
