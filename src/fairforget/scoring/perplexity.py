"""Perplexity of token sequences, for causal and masked models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import token_log_probs
from fairforget.scoring.masked import MaskedText, masked_log_probs, masked_positions


def perplexity(language_model: LanguageModel, sequences: Sequence[Sequence[int]]) -> float:
    """exp of the mean negative log-likelihood.

    Of a causal model over all tokens but each sequence's first; of a masked model over 15 % of
    the inner tokens, hidden all at once, the same ones at every call. Where torch's process group
    is set up, the processes share the sequences, and all get the same number.
    """
    if language_model.kind == "masked":
        mask_id = language_model.tokenizer.mask_token_id
        log_probs = masked_log_probs(
            language_model.model, [_blanked(ids, mask_id) for ids in sequences if len(ids) > 2]
        )
    else:
        score = partial(token_log_probs, language_model.model)
        log_probs = map_distributed(score, sequences, key=lambda ids: ids)
    total = sum(float(values.sum(dtype="float64")) for values in log_probs)
    return math.exp(min(-total / sum(map(len, log_probs)), 700.0))


def _blanked(ids: Sequence[int], mask_id: int) -> MaskedText:
    places = masked_positions(ids)
    shown = tuple(mask_id if i in places else token for i, token in enumerate(ids))
    return MaskedText(shown, tuple(places), tuple(ids[i] for i in places))
