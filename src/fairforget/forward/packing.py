"""Pack token sequences into batches for a causal model, and locate each token's prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.padding import group_by_length, pad
from fairforget.forward.prefix_rows import PrefixRow, build_prefix_rows
from fairforget.forward.probes import probe_once, probe_tolerance
from fairforget.forward.split_forward import full_logits, hidden_states, logits_at

LOCAL_SPANS = ("window_size", "keep_window_size")
"""Settings for the span of local attention that a mask does not replace: of GPT-Neo and Doge."""
ROW_NODES = 128
"""Nodes of a row. Attention is quadratic in the row length, so rows are short."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """The input of one forward pass."""

    inputs: dict[str, Tensor]
    """Input of the model's body: input_ids [rows, width], attention_mask and, for prefix trees,
    position_ids."""
    members: list[tuple[int, Indices]]
    """(index of the sequence, [length − 1] the position, row × width + column, that predicts each
    token after the first)."""


def pack(
    sequences: Sequence[Sequence[int]], *, trees: bool, batch_tokens: int | None = None
) -> Iterator[PackedBatch]:
    """Pack sequences into batches; those shorter than two tokens predict nothing and are left out.

    Args:
        sequences: token ids.
        trees: compute shared prefixes once (`prefix_rows`). A batch without shared prefixes (long
            texts) has one right-padded row per sequence, as without `trees`: causal attention is
            faster without an explicit mask.
        batch_tokens: tokens of a batch, with padding. None: one batch.
    """
    if trees:
        rows = sorted(build_prefix_rows(sequences, ROW_NODES), key=lambda row: len(row.tokens))
        for group in group_by_length(rows, lambda row: len(row.tokens), batch_tokens):
            if all(len(row.members) == 1 for row in group):
                yield _pack_padded(sequences, [row.members[0][0] for row in group])
            else:
                yield _pack_trees(group)
    else:
        order = [i for i, sequence in enumerate(sequences) if len(sequence) > 1]
        order.sort(key=lambda i: len(sequences[i]))
        for indices in group_by_length(order, lambda i: len(sequences[i]) - 1, batch_tokens):
            yield _pack_padded(sequences, indices)


def supports_tree_attention(model: PreTrainedModel, longest: int) -> bool:
    """Whether the model gives a prefix tree the same log-probabilities as separate sequences.

    Determined by a test on four short sequences, once for each model and dtype. A model with a
    sliding window supports trees only if `longest`, the length of the longest sequence, fits into
    the window, which a tree's mask replaces. Other local attention applies in addition to the mask
    and must span a whole row.
    """
    config = model.config.get_text_config()
    # some have a configuration per layer, and no value for all of them
    layers = [*(getattr(config, "per_layer_config", None) or [config])]
    windows = (getattr(layer, "sliding_window", None) for layer in layers)
    if any(window and longest > window for window in windows):
        return False
    spans = (getattr(layer, name, None) for layer in layers for name in LOCAL_SPANS)
    if any(isinstance(span, int) and 0 < span < max(ROW_NODES, longest) for span in spans):
        return False
    last = config.vocab_size - 1
    return probe_once(model, "tree attention", lambda: _test_tree_attention(model, last))


def _test_tree_attention(model: PreTrainedModel, last: int) -> bool | None:
    """Score a few sequences as a prefix tree and separately.

    Args:
        model: a causal model.
        last: its largest token id.

    Returns:
        None if the log-probabilities are not a number, with any way to compute them.
    """
    probe = [[last, 1, 2, 3, 4, 5], [last, 1, 2, 6, 4, 3, 7], [last, 8, 3], [2, 1, 2, 3]]
    probe = [[min(token, last) for token in sequence] for sequence in probe]
    tolerance = probe_tolerance(model.dtype)
    (tree,) = pack(probe, trees=True)
    inputs = {name: value.to(model.device) for name, value in tree.inputs.items()}
    hidden = hidden_states(model, **inputs).flatten(0, 1)
    for index, path in tree.members:
        ids = torch.tensor([probe[index]], device=model.device)
        expected = full_logits(model, input_ids=ids)[0, :-1].float().log_softmax(-1)
        if expected.isnan().any():
            return None
        positions = torch.from_numpy(path).to(model.device)
        packed = logits_at(model, hidden[positions]).float().log_softmax(-1)
        targets = ids[0, 1:, None]
        if not torch.allclose(
            packed.gather(1, targets), expected.gather(1, targets), rtol=0, atol=tolerance
        ):
            return False
    return True


def _pack_trees(rows: Sequence[PrefixRow]) -> PackedBatch:
    width = max(len(row.tokens) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    depth = torch.zeros(len(rows), width, dtype=torch.long)
    # padding attends to itself: a row without any would be NaN
    attends = torch.eye(width, dtype=torch.bool).repeat(len(rows), 1, 1)
    members = []
    for r, row in enumerate(rows):
        n = len(row.tokens)
        ids[r, :n] = torch.from_numpy(row.tokens)
        depth[r, :n] = torch.from_numpy(row.depth)
        attends[r, :n, :n] = torch.from_numpy(row.attention())
        members += [(index, path + r * width) for index, path in row.members]
    inputs = {"input_ids": ids, "position_ids": depth, "attention_mask": attends[:, None]}
    return PackedBatch(inputs, members)


def _pack_padded(sequences: Sequence[Sequence[int]], indices: Sequence[int]) -> PackedBatch:
    inputs = pad([sequences[i][:-1] for i in indices])
    width = inputs["input_ids"].shape[1]
    members = [(i, np.arange(len(sequences[i]) - 1) + r * width) for r, i in enumerate(indices)]
    return PackedBatch(inputs, members)
