"""Mask and predict: texts with blanks in, the log-probability of what stood there out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.packing import group_by_length, pad
from fairforget.forward.split_forward import can_split, full_logits, hidden_states, logits_at
from fairforget.machine.processes import map_distributed
from fairforget.scoring.causal import BATCH_TOKENS, HEAD_ROWS, Progress

HIDDEN = 0.15
"""Share of the tokens that are hidden at once."""


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text with blanks."""

    ids: tuple[int, ...]
    """The whole text with its special tokens, the mask token in the blanks."""
    places: tuple[int, ...]
    """Positions to predict."""
    targets: tuple[int, ...]
    """[places] the token whose probability is asked for."""


def masked_positions(ids: Sequence[int]) -> list[int]:
    """Places of a text that a masked model has to guess all at once, drawn, the same every time.

    They are 15 % of the inner ones, as in its training (Devlin et al. 2019), one at least.

    Args:
        ids: with the special tokens at both ends.
    """
    inner = range(1, len(ids) - 1)
    count = max(1, round(HIDDEN * len(inner)))
    return sorted(random.Random(str([*ids])).sample(inner, count))


def mask_one_at_a_time(ids: Sequence[int], places: Sequence[int], mask_id: int) -> list[MaskedText]:
    """One blanked text for each place, everything else visible."""
    return [
        MaskedText((*ids[:place], mask_id, *ids[place + 1 :]), (place,), (ids[place],))
        for place in places
    ]


def masked_log_probs(
    model: PreTrainedModel,
    texts: Sequence[MaskedText],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[npt.NDArray[np.float32]]:
    """Log p(target | text with blanks) in nats at every place of every text.

    Texts of similar length share a right-padded forward pass, several masks of one sentence
    included; the head and the log-softmax run in float32 at the places only. Where torch's process
    group is set up, the processes share the texts.

    Args:
        model: a masked model; dropout is off while scoring, and put back as it was.
        texts: what to predict.
        batch_tokens: tokens (padding included) of one forward pass.
        progress: called with the number of texts finished since the last call, and of all that
            are this process's.

    Returns:
        One float32 array [places] per text, in the order given.
    """

    def score(mine: list[MaskedText]) -> list[npt.NDArray[np.float32]]:
        results = [np.zeros(0, np.float32) for _ in mine]
        split = mine and can_split(model, model.device)
        order = sorted(range(len(mine)), key=lambda i: len(mine[i].ids))
        for batch in group_by_length(order, lambda i: len(mine[i].ids), batch_tokens):
            for index, values in zip(
                batch, _predicted(model, [mine[i] for i in batch], bool(split)), strict=True
            ):
                results[index] = values
            if progress:
                progress(len(batch), len(mine))
        return results

    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            return map_distributed(score, texts, key=lambda text: text.ids)
    finally:
        model.train(training)


def _predicted(
    model: PreTrainedModel, texts: Sequence[MaskedText], split: bool
) -> list[npt.NDArray[np.float32]]:
    inputs = {
        name: value.to(model.device) for name, value in pad([text.ids for text in texts]).items()
    }
    width = inputs["input_ids"].shape[1]
    places = torch.tensor([r * width + p for r, text in enumerate(texts) for p in text.places])
    places = places.to(model.device)
    targets = torch.tensor([t for text in texts for t in text.targets], device=model.device)
    found = []
    if split:
        hidden = hidden_states(model, **inputs).flatten(0, 1)[places]
        for start in range(0, len(places), HEAD_ROWS):
            rows = slice(start, start + HEAD_ROWS)
            found.append(_chosen(logits_at(model, hidden[rows]), targets[rows]))
    else:
        found.append(_chosen(full_logits(model, **inputs).flatten(0, 1)[places], targets))
    ends = np.cumsum([len(text.places) for text in texts])
    return np.split(torch.cat(found).cpu().numpy(), ends[:-1])


def _chosen(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)
