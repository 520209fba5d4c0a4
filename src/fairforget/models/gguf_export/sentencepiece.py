"""SentencePiece BPE tokenizers, such as that of Gemma: character merges with byte fallback."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gguf import TokenType

SPACE = "▁"
"""Stands for a space in tokens."""
BYTE = re.compile(r"<0x[0-9A-F]{2}>")
UNMERGED = -1e7
"""Score of a token that is not the result of a merge, below all others."""


def is_sentencepiece(content: dict[str, Any]) -> bool:
    """Return whether a tokenizer replaces spaces, adds none, and then merges characters.

    Args:
        content: the content of `tokenizer.json`.
    """
    model, splitter = content["model"], content["pre_tokenizer"]
    replaced = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    at_spaces = {"type": "Split", "pattern": {"String": " "}}  # which are gone by then
    return (
        model["type"] == "BPE"
        and bool(model["byte_fallback"])
        and not model.get("ignore_merges")
        and content["normalizer"] == replaced
        and (splitter is None or at_spaces.items() <= splitter.items())
    )


def score(texts: Sequence[str], merges: Sequence[tuple[str, str]]) -> list[float]:
    """Return a score for every token: llama.cpp first merges the pair whose result scores highest.

    transformers first merges the pair that comes first in the list of merges. So the score of a
    token is the negated rank of the first merge that results in it.
    """
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges):
        ranks.setdefault(left + right, rank)
    return [-float(ranks[text]) if text in ranks else UNMERGED for text in texts]


def finish_tokens(
    texts: Sequence[str], types: Sequence[TokenType], unknown: str | None
) -> tuple[list[str], list[TokenType]]:
    """Return the tokens as llama.cpp reads them, and their types.

    Bytes and the unknown token are marked. llama.cpp looks for user-defined tokens in the text
    itself, so these have spaces.
    """
    finished, marked = [], []
    for text, kind in zip(texts, types, strict=True):
        if text == unknown:
            marked.append(TokenType.UNKNOWN)
        else:
            marked.append(TokenType.BYTE if BYTE.fullmatch(text) else kind)
        is_literal = marked[-1] is TokenType.USER_DEFINED
        finished.append(text.replace(SPACE, " ") if is_literal else text)
    return finished, marked
