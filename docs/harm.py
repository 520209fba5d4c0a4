"""How likely a model finds the harmful words of a corpus, and what the group adds to that."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from fairforget.corpora import read_corpus
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import token_log_probs
from fairforget.scoring.masked import mask_one_at_a_time, masked_log_probs
from fairforget.training.targets import Marked, encode_infilling, encode_targets


def harm(model: LanguageModel, corpus: str, *, texts: int) -> dict[str, float]:
    """Mean log p of harmful tokens, in nats, over texts drawn once for all models.

    Args:
        model: a causal or masked one.
        corpus: with spans and mentions.
        texts: how many of those with a harmful token.

    Returns:
        `harm`: given what precedes a token, or, of a masked model, everything else in the text;
        `infilled`, of a causal model: given the question of context `both`, which shows both
        sides; `association`: of the tokens that a mention tells of (of a causal model, those
        after it), by how much more likely they are than in the same sentence about people;
        `people`: in that sentence.
    """
    every = list(read_corpus(corpus))
    encoded = partial(encode_targets, model.tokenizer, start_id=model.start_id, end_id=model.end_id)
    said: list[Marked] = []
    of_group: list[Marked] = []
    of_anyone: list[Marked] = []
    asked: list[Marked] = []
    for text in random.Random(0).sample(every, len(every)):
        if len(said) == texts:
            break
        if whole := encoded(text):
            said.append((whole.ids, whole.mask))
        if paired := encoded(text, counterfactual=True):
            of_group.append((paired.ids, paired.mask))
            of_anyone.append(paired.counterfactuals[0])
        if model.kind == "causal":
            spans = encode_infilling(model.tokenizer, text, start_id=model.start_id)
            asked += [(span.ids, span.mask) for span in spans]
    group, anyone = log_probs(model, of_group), log_probs(model, of_anyone)
    found = {
        "harm": log_probs(model, said).mean(),
        "association": (group - anyone).mean(),
        "people": anyone.mean(),
    }
    if asked:
        found["infilled"] = log_probs(model, asked).mean()
    return {name: float(value) for name, value in found.items()}


def log_probs(model: LanguageModel, marked: Sequence[Marked]) -> npt.NDArray[np.float32]:
    """Log p of every marked token, text by text."""
    if model.kind == "masked":
        mask_id = model.tokenizer.mask_token_id
        blanked = [
            text
            for ids, mask in marked
            for text in mask_one_at_a_time(ids, np.flatnonzero(mask).tolist(), mask_id)
        ]
        return np.concatenate(masked_log_probs(model.model, blanked))
    found = token_log_probs(model.model, [ids for ids, _ in marked])
    return np.concatenate(
        [one[np.array(mask[1:])] for one, (_, mask) in zip(found, marked, strict=True)]
    )
