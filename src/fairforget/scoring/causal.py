"""Many token sequences in, per-token log-probabilities out, for any causal model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.scoring.prefix_rows import PrefixRow, prefix_rows
from fairforget.scoring.split_forward import hidden_states, logits_at

ROW_NODES = 128
"""Nodes of a row: attention costs row length squared, short rows waste none of it."""
BATCH_TOKENS = 1024
"""Tokens of a batch: enough for full matrix-multiplication speed, few enough for the caches."""
HEAD_ROWS = 256
"""Positions whose logits exist at one time."""
AGREEMENT = 1e-3
"""Nats by which packed and plain scoring of the probe may differ before packing is given up."""

Progress = Callable[[int], None]
T = TypeVar("T")


def token_log_probs(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[npt.NDArray[np.float32]]:
    """log p(x_i | x_<i) in nats for every token but the first of every sequence.

    Shared prefixes are computed once (`prefix_rows`); the head and the log-softmax run in float32
    over a few positions at a time. Models whose attention does not honour the tree, found by a
    check on a few sequences, are scored in plain padded batches.

    Args:
        model: a causal model in evaluation mode; dropout is switched off while scoring and put
            back afterwards.
        sequences: token ids, with the start token where one is wanted.
        batch_tokens: tokens (padding included) of one forward pass.
        progress: called with the number of sequences finished since the last call.

    Returns:
        One float32 array [length − 1] per sequence, in the order given.
    """
    results: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(sequences)
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            packed = _honours_trees(model, max(map(len, sequences), default=0))
            batches = _tree_batches if packed else _plain_batches
            for batch in batches(model, sequences, batch_tokens):
                log_probs = _gathered(model, batch)
                for index, where in batch.members:
                    results[index] = log_probs[where]
                if progress:
                    progress(len(batch.members))
    finally:
        model.train(training)
    return results


@dataclass(frozen=True, slots=True)
class _Batch:
    inputs: dict[str, Tensor]
    flat: Tensor
    """[n] positions (row × length + column) whose head output is needed, ascending."""
    node: Tensor
    """[m] index into `flat` of each prediction, ascending."""
    target: Tensor
    """[m] the predicted token."""
    members: list[tuple[int, npt.NDArray[np.int64]]]


def _gathered(model: PreTrainedModel, batch: _Batch) -> npt.NDArray[np.float32]:
    """The log-probabilities [m] of a batch's predictions."""
    hidden = hidden_states(model, **batch.inputs).flatten(0, 1)[batch.flat]
    found = torch.empty(len(batch.target), dtype=torch.float32, device=hidden.device)
    for start in range(0, len(hidden), HEAD_ROWS):
        logits = logits_at(model, hidden[start : start + HEAD_ROWS]).float()
        first, last = torch.searchsorted(
            batch.node, torch.tensor([start, start + HEAD_ROWS], device=hidden.device)
        ).tolist()
        rows = batch.node[first:last] - start
        found[first:last] = logits[rows, batch.target[first:last]] - logits.logsumexp(-1)[rows]
    return found.cpu().numpy()


def _tree_batches(
    model: PreTrainedModel, sequences: Sequence[Sequence[int]], batch_tokens: int
) -> Iterator[_Batch]:
    rows = sorted(prefix_rows(sequences, ROW_NODES), key=lambda row: len(row.tokens))
    for group in _grouped(rows, lambda row: len(row.tokens), batch_tokens):
        yield _tree_batch(model, group)


def _tree_batch(model: PreTrainedModel, rows: Sequence[PrefixRow]) -> _Batch:
    width = max(len(row.tokens) for row in rows)
    ids = np.zeros((len(rows), width), np.int64)
    depth = np.zeros((len(rows), width), np.int64)
    sees = np.broadcast_to(np.eye(width, dtype=bool), (len(rows), width, width)).copy()
    flat, node, target = [], [], []
    members: list[tuple[int, npt.NDArray[np.int64]]] = []
    for r, row in enumerate(rows):
        n = len(row.tokens)
        ids[r, :n], depth[r, :n], sees[r, :n, :n] = row.tokens, row.depth, row.attention()
        order = np.argsort(row.node, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order)) + sum(map(len, target))
        members += [(index, place[mine]) for index, mine in row.members]
        node.append(row.node[order] + sum(map(len, flat)))
        target.append(row.target[order])
        flat.append(np.arange(n) + r * width)
    blocked = torch.finfo(model.dtype).min
    attention = torch.zeros(sees.shape, dtype=model.dtype).masked_fill_(
        ~torch.from_numpy(sees), blocked
    )
    inputs = {
        "input_ids": torch.from_numpy(ids),
        "position_ids": torch.from_numpy(depth),
        "attention_mask": attention[:, None],
    }
    return _on_device(model, inputs, flat, node, target, members)


def _plain_batches(
    model: PreTrainedModel, sequences: Sequence[Sequence[int]], batch_tokens: int
) -> Iterator[_Batch]:
    order = sorted((i for i, s in enumerate(sequences) if len(s) > 1), key=lambda i: len(sequences[i]))
    for group in _grouped(order, lambda i: len(sequences[i]) - 1, batch_tokens):
        width = len(sequences[group[-1]]) - 1
        ids = np.zeros((len(group), width), np.int64)
        mask = np.zeros((len(group), width), np.int64)
        flat, target = [], []
        members, done = [], 0
        for r, index in enumerate(group):
            sequence = np.asarray(sequences[index])
            n = len(sequence) - 1
            ids[r, :n], mask[r, :n] = sequence[:-1], 1
            flat.append(np.arange(n) + r * width)
            target.append(sequence[1:])
            members.append((index, np.arange(done, done + n)))
            done += n
        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        yield _on_device(model, inputs, flat, [np.arange(done)], target, members)


def _on_device(
    model: PreTrainedModel,
    inputs: dict[str, Tensor],
    flat: list[npt.NDArray[np.int64]],
    node: list[npt.NDArray[np.int64]],
    target: list[npt.NDArray[np.int64]],
    members: list[tuple[int, npt.NDArray[np.int64]]],
) -> _Batch:
    def tensor(parts: list[npt.NDArray[np.int64]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts)).to(model.device)

    on_device = {name: value.to(model.device) for name, value in inputs.items()}
    return _Batch(on_device, tensor(flat), tensor(node), tensor(target), members)


def _grouped(items: Sequence[T], size: Callable[[T], int], budget: int) -> Iterator[list[T]]:
    """Cut items sorted by size into groups whose count × largest size stays within the budget."""
    group: list[T] = []
    for item in items:
        if group and size(item) * (len(group) + 1) > budget:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _honours_trees(model: PreTrainedModel, longest: int) -> bool:
    """Whether the model gives a packed tree the same numbers as separate sequences."""
    window = getattr(model.config.get_text_config(), "sliding_window", None)
    if window is not None and longest > window:
        return False  # a tree's own mask would overrule the window
    last = model.config.get_text_config().vocab_size - 1
    probe = [[last, 1, 2, 3, 4, 5], [last, 1, 2, 6, 4, 3, 7], [last, 8, 3], [2, 1, 2, 3]]
    probe = [[min(token, last) for token in sequence] for sequence in probe]
    try:
        (tree,) = _tree_batches(model, probe, BATCH_TOKENS)
        packed = _gathered(model, tree)
    except (TypeError, ValueError, RuntimeError):
        return False
    for index, where in tree.members:
        sequence = torch.tensor([probe[index]], device=model.device)
        logits = model(input_ids=sequence).logits[0, :-1].float().log_softmax(-1)
        plain = logits.gather(1, sequence[0, 1:, None])[:, 0].cpu().numpy()
        tolerance = AGREEMENT if model.dtype == torch.float32 else 100 * AGREEMENT
        if not np.allclose(packed[where], plain, rtol=0, atol=tolerance, equal_nan=False):
            return False
    return True
