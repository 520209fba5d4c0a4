"""Perplexity of token sequences, for causal and masked models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from fairforget.errors import InputError
from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import token_log_probs
from fairforget.scoring.masked import mask_at_random, masked_log_probs

MAX_NLL = 700.0
"""Nats; exp overflows soon after."""


def perplexity(language_model: LanguageModel, sequences: Sequence[Sequence[int]]) -> float:
    """Return exp of the mean negative log-likelihood per predicted token.

    A causal model predicts all tokens after the first. A masked model predicts 15 % of the inner
    tokens, masked all at once, the same ones in every call. Several processes share the sequences
    if torch's process group is set up, and all return the same value.

    Raises:
        InputError: no text has a token to predict.
    """
    if language_model.kind == "masked":
        mask_id = language_model.tokenizer.mask_token_id
        texts = [mask_at_random(ids, mask_id) for ids in sequences if len(ids) > 2]
        log_probs = masked_log_probs(language_model.model, texts)
    else:
        score = partial(token_log_probs, language_model.model)
        log_probs = map_distributed(score, sequences, key=lambda ids: ids)
    total = sum(float(values.sum(dtype="float64")) for values in log_probs)
    tokens = sum(map(len, log_probs))
    if not tokens:
        raise InputError("perplexity: no text has a token to predict; give longer texts")
    return exp_mean_nll(-total, tokens)


def exp_mean_nll(nll: float, tokens: int) -> float:
    """Return the perplexity of tokens from the sum of their −log p, in nats; at most exp(700)."""
    return math.exp(min(nll / tokens, MAX_NLL))
