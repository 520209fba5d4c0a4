"""Log-probabilities of sentences and continuations under a causal model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairforget.errors import InputError
from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel, check_length
from fairforget.scoring.causal import Floats32, token_log_probs
from fairforget.scoring.progress import Progress


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-probabilities of texts, in nats."""

    mean: npt.NDArray[np.float64]
    """[texts] mean per token (length-normalised)."""
    total: npt.NDArray[np.float64]
    """[texts] sum over tokens."""
    tokens: list[Floats32]
    """[texts] those of each token."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """[texts] the number of tokens."""
        return np.array([len(values) for values in self.tokens], np.int64)


def sentence_scores(
    language_model: LanguageModel,
    sentences: Sequence[str],
    *,
    protocol: str,
    names: Sequence[str],
    progress: Progress | None = None,
) -> Scores:
    """Score whole sentences.

    Args:
        language_model: a causal model.
        sentences: tokenised without special tokens.
        protocol: `bos`: one pass over the start token and the sentence. `bias-bench` (Meade et al.
            2022): the first token given the start token alone, the others from a pass without it.
        names: [sentences] names of the sentences in errors.
        progress: called as for `token_log_probs`.

    Raises:
        InputError: a sentence has no tokens, or more than the model's context length.
    """
    encoded = language_model.tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    for ids, name in zip(encoded, names, strict=True):
        if not ids:
            raise InputError(f"{name}: it has no tokens after tokenisation; correct or remove it")
    start = language_model.start_id
    if protocol == "bos":
        parts = [[[start, *ids]] for ids in encoded]
    else:
        parts = [[[start, ids[0]], ids] for ids in encoded]
    flat = [sequence for sequences in parts for sequence in sequences]
    owners = [
        name for name, sequences in zip(names, parts, strict=True) for _ in range(len(sequences))
    ]
    values = log_probs(language_model, flat, names=owners, progress=progress)
    per_sentence = len(parts[0]) if parts else 1
    return _aggregate(
        [np.concatenate(values[i : i + per_sentence]) for i in range(0, len(values), per_sentence)]
    )


def continuation_scores(
    language_model: LanguageModel,
    pairs: Sequence[tuple[str, str]],
    *,
    names: Sequence[str],
    progress: Progress | None = None,
) -> Scores:
    """Score continuations given their contexts: log p(space, continuation | start token, context).

    Context and continuation are tokenised as one text, and all tokens that reach beyond the context
    are scored. The space between them is part of the continuation, as in lm-eval.

    Args:
        language_model: a causal model.
        pairs: (context, continuation), without the space between them.
        names: [pairs] names of the pairs in errors.
        progress: called as for `token_log_probs`.

    Raises:
        InputError: a continuation has no tokens, or a pair exceeds the model's context length.
    """
    encoded = language_model.tokenizer(
        [f"{context} {text}" for context, text in pairs],
        add_special_tokens=False,
        return_offsets_mapping=True,
    )
    firsts = []
    for (context, _), offsets, name in zip(pairs, encoded["offset_mapping"], names, strict=True):
        first = sum(end <= len(context) for _, end in offsets)
        if first == len(offsets):
            raise InputError(f"{name}: it has no tokens after tokenisation; correct or remove it")
        firsts.append(first)
    sequences = [[language_model.start_id, *ids] for ids in encoded["input_ids"]]
    values = log_probs(language_model, sequences, names=names, progress=progress)
    return _aggregate([v[first:] for v, first in zip(values, firsts, strict=True)])


def log_probs(
    language_model: LanguageModel,
    sequences: Sequence[Sequence[int]],
    *,
    names: Sequence[str],
    progress: Progress | None = None,
) -> list[Floats32]:
    """`token_log_probs`, distributed over all processes.

    Raises:
        InputError: a sequence is longer than the model's context length.
    """
    check_length(language_model, [len(sequence) - 1 for sequence in sequences], names)
    return map_distributed(
        lambda part: token_log_probs(language_model.model, part, progress=progress),
        sequences,
        key=lambda sequence: sequence,
    )


def _aggregate(values: list[Floats32]) -> Scores:
    return Scores(
        mean=np.array([v.mean(dtype=np.float64) for v in values]),
        total=np.array([v.sum(dtype=np.float64) for v in values]),
        tokens=values,
    )
