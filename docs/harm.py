"""How likely a model finds the harmful words of a corpus, and what the group adds to that."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from fairforget.corpora import read_corpus
from fairforget.models import LanguageModel
from fairforget.scoring.causal import token_log_probs
from fairforget.scoring.masked import masked_log_probs, one_at_a_time
from fairforget.targets import encode_targets

Marked = tuple[tuple[int, ...], tuple[bool, ...]]


def harm(model: LanguageModel, corpus: str, *, texts: int) -> tuple[float, float]:
    """Mean log p of the harmful tokens behind a mention, and what the group adds, in nats.

    The latter is the difference to the same tokens in the sentence about people. A causal model
    sees what precedes each token, a masked one both sides, one token hidden at a time.

    Args:
        model: causal or masked.
        corpus: with spans and mentions.
        texts: how many of them, drawn once for all models.
    """
    every = list(read_corpus(corpus))
    said: list[Marked] = []
    of_anyone: list[Marked] = []
    for text in random.Random(0).sample(every, min(texts, len(every))):
        targets = encode_targets(
            model.tokenizer, text, start_id=model.start_id, end_id=model.end_id, neutral=True
        )
        if targets:
            said.append((targets.ids, targets.mask))
            of_anyone.append((targets.neutral_ids, targets.neutral_mask))
    given, anyone = (log_probs(model, marked) for marked in (said, of_anyone))
    return float(given.mean()), float((given - anyone).mean())


def log_probs(model: LanguageModel, marked: Sequence[Marked]) -> npt.NDArray[np.float32]:
    """Log p of every marked token, text by text."""
    places = [[i for i, wanted in enumerate(mask) if wanted] for _, mask in marked]
    if model.kind == "causal":
        found = token_log_probs(model.model, [ids for ids, _ in marked])
        return np.concatenate(
            [one[np.array(at) - 1] for one, at in zip(found, places, strict=True)]
        )
    hidden = (
        one_at_a_time(ids, at, model.tokenizer.mask_token_id)
        for (ids, _), at in zip(marked, places, strict=True)
    )
    return np.concatenate(masked_log_probs(model.model, list(chain.from_iterable(hidden))))
