"""Log-probabilities of masked tokens, from any masked language model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.padding import group_by_length, pad, supports_padding
from fairforget.forward.split_forward import can_split, full_logits, hidden_states, logits_at
from fairforget.machine.processes import map_distributed
from fairforget.scoring.causal import BATCH_TOKENS, HEAD_ROWS, Floats32
from fairforget.scoring.progress import Progress

MASKED_SHARE = 0.15
"""Share of the tokens that are masked at once."""


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text with masked tokens."""

    ids: tuple[int, ...]
    """The whole text with its special tokens, including the mask tokens."""
    positions: tuple[int, ...]
    """Positions to predict."""
    targets: tuple[int, ...]
    """[positions] the tokens to score there."""


def masked_positions(ids: Sequence[int]) -> list[int]:
    """Draw the positions of a text that are masked at once; always the same for the same text.

    They are 15 % of the inner tokens, as in BERT's training (Devlin et al. 2019), at least one.

    Args:
        ids: token ids with the special tokens at both ends.
    """
    inner = range(1, len(ids) - 1)
    count = max(1, round(MASKED_SHARE * len(inner)))
    return sorted(random.Random(str([*ids])).sample(inner, count))


def mask_one_at_a_time(
    ids: Sequence[int], positions: Sequence[int], mask_id: int
) -> list[MaskedText]:
    """Return one text per position, with only that position masked."""
    return [
        MaskedText((*ids[:position], mask_id, *ids[position + 1 :]), (position,), (ids[position],))
        for position in positions
    ]


def mask_at_random(ids: Sequence[int], mask_id: int) -> MaskedText:
    """Return a text with 15 % of its inner tokens masked at once, the same ones in every call."""
    positions = masked_positions(ids)
    masked = tuple(mask_id if i in positions else token for i, token in enumerate(ids))
    return MaskedText(masked, tuple(positions), tuple(ids[i] for i in positions))


def masked_log_probs(
    model: PreTrainedModel,
    texts: Sequence[MaskedText],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[Floats32]:
    """Return log p(target | masked text) in nats at every position of every text.

    Texts of similar length share a right-padded forward pass; those of equal length, if padding
    changes the model's predictions (`supports_padding`). The head runs only at the positions, in
    the model's dtype; the log-softmax is in float32. Several processes share the texts if torch's
    process group is set up.

    Args:
        model: a masked model. Dropout is off while scoring; the mode is restored.
        texts: what to predict.
        batch_tokens: tokens of a forward pass, with padding.
        progress: called with the number of texts finished since the last call, and the number of
            this process's texts.

    Returns:
        A float32 array [positions] per text, in the given order.
    """

    def score(share: list[MaskedText]) -> list[Floats32]:
        results = [np.zeros(0, np.float32) for _ in share]
        if not share:
            return results
        split = can_split(model)
        padded = supports_padding(model, "right")
        order = sorted(range(len(share)), key=lambda i: len(share[i].ids))
        for batch in group_by_length(
            order, lambda i: len(share[i].ids), batch_tokens, padded=padded
        ):
            log_probs = _batch_log_probs(model, [share[i] for i in batch], split)
            for index, values in zip(batch, log_probs, strict=True):
                results[index] = values
            if progress:
                progress(len(batch), len(share))
        return results

    with evaluation_mode(model), torch.inference_mode():
        return map_distributed(score, texts, key=lambda text: text.ids)


def _batch_log_probs(
    model: PreTrainedModel, texts: Sequence[MaskedText], split: bool
) -> list[Floats32]:
    inputs = {
        name: value.to(model.device) for name, value in pad([text.ids for text in texts]).items()
    }
    width = inputs["input_ids"].shape[1]
    cells = [row * width + i for row, text in enumerate(texts) for i in text.positions]
    positions = torch.tensor(cells, device=model.device)
    targets = torch.tensor([t for text in texts for t in text.targets], device=model.device)
    parts = []
    if split:
        hidden = hidden_states(model, **inputs).flatten(0, 1)[positions]
        for start in range(0, len(positions), HEAD_ROWS):
            rows = slice(start, start + HEAD_ROWS)
            parts.append(_target_log_probs(logits_at(model, hidden[rows]), targets[rows]))
    else:
        logits = full_logits(model, **inputs).flatten(0, 1)[positions]
        parts.append(_target_log_probs(logits, targets))
    ends = np.cumsum([len(text.positions) for text in texts])
    return np.split(torch.cat(parts).cpu().numpy(), ends[:-1])


def _target_log_probs(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)
