"""Scores of sentences under a causal model, by protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairforget.errors import InputError
from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import Progress, token_log_probs

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-probabilities of texts, in nats."""

    mean: npt.NDArray[np.float64]
    """[texts] per token: length-normalised."""
    total: npt.NDArray[np.float64]
    """[texts] of the whole text."""


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
        language_model: a causal one.
        sentences: as they stand; no special tokens are added.
        protocol: `bos`: one pass over the start token and the sentence. `bias-bench` (Meade et al.
            2022): the first token given a lone start token, the others from a pass without one.
        names: [sentences] what errors call them.
        progress: called as for `token_log_probs`.

    Raises:
        InputError: a sentence has no tokens, or more than the model takes.
    """
    encoded = language_model.tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    for ids, name in zip(encoded, names, strict=True):
        if not ids:
            raise InputError(f"{name}: the tokenizer makes no tokens of it; correct or remove it")
    start = language_model.start_id
    if protocol == "bos":
        parts = [[[start, *ids]] for ids in encoded]
    else:
        parts = [[[start, ids[0]], ids] for ids in encoded]
    flat = [sequence for sequences in parts for sequence in sequences]
    owners = [
        name for name, sequences in zip(names, parts, strict=True) for _ in range(len(sequences))
    ]
    found = log_probs(language_model, flat, names=owners, progress=progress)
    per_sentence = len(parts[0]) if parts else 1
    return _summed(
        [np.concatenate(found[i : i + per_sentence]) for i in range(0, len(found), per_sentence)]
    )


def continuation_scores(
    language_model: LanguageModel,
    pairs: Sequence[tuple[str, str]],
    *,
    names: Sequence[str],
    progress: Progress | None = None,
) -> Scores:
    """Score continuations given what stands before: log p(second | start token, first, space).

    The two are tokenised as one text; tokens that reach into the second are scored.

    Args:
        language_model: a causal one.
        pairs: (context, continuation), without the space between.
        names: [pairs] what errors call them.
        progress: called as for `token_log_probs`.

    Raises:
        InputError: a continuation has no tokens, or the two more than the model takes.
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
            raise InputError(f"{name}: the tokenizer makes no tokens of it; correct or remove it")
        firsts.append(first)
    sequences = [[language_model.start_id, *ids] for ids in encoded["input_ids"]]
    found = log_probs(language_model, sequences, names=names, progress=progress)
    return _summed([values[first:] for values, first in zip(found, firsts, strict=True)])


def log_probs(
    language_model: LanguageModel,
    sequences: Sequence[Sequence[int]],
    *,
    names: Sequence[str],
    progress: Progress | None = None,
) -> list[Floats32]:
    """`token_log_probs`, shared by all processes, for sequences that fit the model.

    Raises:
        InputError: a sequence is longer than the model takes.
    """
    check_length(language_model, [len(sequence) - 1 for sequence in sequences], names)
    return map_distributed(
        lambda mine: token_log_probs(language_model.model, mine, progress=progress),
        sequences,
        key=lambda sequence: sequence,
    )


def check_length(
    language_model: LanguageModel, lengths: Sequence[int], names: Sequence[str]
) -> None:
    """Check that every text fits the model.

    Raises:
        InputError: one has more tokens than the model takes.
    """
    longest = language_model.longest_input
    for length, name in zip(lengths, names, strict=True):
        if length > longest:
            raise InputError(
                f"{name}: {length} tokens, and {language_model.source} takes {longest}; shorten it"
            )


def _summed(values: Sequence[Floats32]) -> Scores:
    return Scores(
        mean=np.array([v.mean(dtype=np.float64) for v in values]),
        total=np.array([v.sum(dtype=np.float64) for v in values]),
    )
