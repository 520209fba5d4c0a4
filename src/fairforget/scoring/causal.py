"""Log-probabilities of every token of many sequences, from any causal model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
    starts = [1] * len(sequences)
    found = _score(model, sequences, starts, batch_tokens=batch_tokens, progress=progress)
    return [log_probs for log_probs, _ in found]


def continuation_log_probs(
    model: PreTrainedModel,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> list[tuple[float, bool]]:
    """Return log p(continuation | context) in nats, and whether greedy decoding would produce it.

    Computed as by `token_log_probs`, but the head runs on the continuations only. If several tokens
    tie for most likely, greedy decoding may produce any of them.

    Args:
        model: as for `token_log_probs`.
        pairs: token ids of a context and its continuation; neither is empty.
    """
    sequences = [[*context, *continuation] for context, continuation in pairs]
    starts = [len(context) for context, _ in pairs]
    found = _score(model, sequences, starts, batch_tokens=BATCH_TOKENS, progress=None)
    return [
        (float(log_probs.sum(dtype=np.float64)), bool((log_probs == largest).all()))
        for log_probs, largest in found
    ]


def _score(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    starts: Sequence[int],
    *,
    batch_tokens: int,
    progress: Progress | None,
) -> list[tuple[Floats32, Floats32]]:
    """Return the log-probability of each token from `starts` on, and of the most likely one there.

    Args:
        model: a causal model.
        sequences: token ids.
        starts: for each sequence, the index of the first token to score; at least 1.
        batch_tokens: as for `token_log_probs`.
        progress: as for `token_log_probs`.
    """
    results = [(np.zeros(0, np.float32),) * 2 for _ in sequences]
    total = sum(len(sequence) > 1 for sequence in sequences)
    with evaluation_mode(model), torch.inference_mode():
        trees = supports_tree_attention(model, max(map(len, sequences), default=0))
        split = trees or can_split(model)  # trees are tested split
        head = linear_head(model) if split else None
        for batch in pack(sequences, trees=trees, batch_tokens=batch_tokens):
            members = [(index, path[starts[index] - 1 :]) for index, path in batch.members]
            targets = [np.asarray(sequences[index][starts[index] :]) for index, _ in members]
            found = _batch_log_probs(
                model, split, head, replace(batch, members=members), np.concatenate(targets)
            )
            ends = np.cumsum([len(part) for part in targets])[:-1]
            parts = zip(*(np.split(values, ends) for values in found), strict=True)
            for (index, _), part in zip(members, parts, strict=True):
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
) -> tuple[Floats32, Floats32]:
    """Return the log-probability of each target, and of the most likely token at that position.

    Both are in the order of the batch's members.
    """
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
    log_probs, largest = np.empty((2, len(targets)), np.float32)
    for chunk, (first, last) in enumerate(pairwise(edges)):
        start = chunk * HEAD_ROWS
        part = hidden[start : start + HEAD_ROWS]
        members = order[first:last]
        rows = torch.from_numpy(row[members] - start).to(device)
        tokens = torch.from_numpy(targets[members]).to(device)
        if head is not None:
            values, maxima = chosen_log_probs(head, part, rows, tokens)
        else:
            logits = (logits_at(model, part) if split else part).float()
            totals = logits.logsumexp(-1)
            values = logits[rows, tokens] - totals[rows]
            maxima = (logits.amax(-1) - totals)[rows]
        log_probs[members] = values.cpu().numpy()
        largest[members] = maxima.cpu().numpy()
    return log_probs, largest
