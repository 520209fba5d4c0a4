"""Encode texts as a model reads them: between its start and its end token."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fairforget.models.language_model import LanguageModel


def encode_texts(
    language_model: LanguageModel, texts: Sequence[str], max_tokens: int = sys.maxsize
) -> list[list[int]]:
    """Return the token ids of each text, with start and end token; a text without any is left out.

    Args:
        language_model: causal or masked.
        texts: each is cut to `max_tokens`.
        max_tokens: with start and end token; at most what the model accepts.
    """
    if not texts:
        return []
    # without truncation: it would be saved with the tokenizer
    encoded = language_model.tokenizer([*texts], add_special_tokens=False)["input_ids"]
    end = end_ids(language_model)
    longest = min(max_tokens, language_model.longest_input) - 1 - len(end)
    return [[language_model.start_id, *ids[:longest], *end] for ids in encoded if ids]


def end_ids(language_model: LanguageModel) -> list[int]:
    """Return the ids appended to a text: the end token, or none for a causal model."""
    return [] if language_model.end_id is None else [language_model.end_id]
