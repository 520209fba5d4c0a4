"""How likely a model finds the harmful words of a corpus, and what the group adds to that."""

from __future__ import annotations

import random
from collections.abc import Sequence

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

    Given what precedes a token, or, of a masked model, everything else in the text.

    The latter is the difference to the same tokens in the sentence about people.

    Args:
        model: a causal or masked one.
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
    if model.kind == "masked":
        mask_id = model.tokenizer.mask_token_id
        places = [np.flatnonzero(mask).tolist() for _, mask in marked]
        blanked = [
            text
            for (ids, _), its in zip(marked, places, strict=True)
            for text in one_at_a_time(ids, its, mask_id)
        ]
        return np.concatenate(masked_log_probs(model.model, blanked))
    found = token_log_probs(model.model, [ids for ids, _ in marked])
    return np.concatenate(
        [one[np.array(mask[1:])] for one, (_, mask) in zip(found, marked, strict=True)]
    )
