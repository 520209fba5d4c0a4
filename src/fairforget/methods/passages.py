"""The texts that methods train or fit on: passages of the retain corpus `wikipedia`."""

from __future__ import annotations

import random
import re
from functools import cache

from fairforget.corpora import HARMLESS
from fairforget.corpora.corpus import Corpus, load_corpus
from fairforget.training.preparation import HELD_OUT, RETAIN, hold_out

MAX_CHARACTERS = 300
"""Maximum length of a passage, about 70 tokens."""


@cache
def retain_corpus() -> Corpus:
    """Return the retain corpus of all methods that train."""
    return load_corpus("wikipedia", label=HARMLESS)


def training_passages(seed: int) -> list[str]:
    """Return the passages of `training_texts` in random order.

    Args:
        seed: seed of the order.

    Raises:
        InputError: the corpus is not installed.
    """
    parts = [part for text in training_texts() for part in split_passage(text)]
    random.Random(f"passages {seed}").shuffle(parts)
    return parts


def training_texts() -> list[str]:
    """Return the texts of the corpus without those on which the budget is measured.

    Raises:
        InputError: the corpus is not installed.
    """
    return hold_out(retain_corpus(), HELD_OUT[RETAIN])[1]


def split_passage(text: str, longest: int = MAX_CHARACTERS) -> list[str]:
    """Split a text into runs of whole sentences of at most `longest` characters each.

    A longer sentence is cut at the last space before the limit.
    """
    parts: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        if len(sentence) > longest:
            sentence = sentence[: longest + 1].rpartition(" ")[0] or sentence[:longest]
        if parts and len(parts[-1]) + 1 + len(sentence) <= longest:
            parts[-1] += f" {sentence}"
        elif sentence:
            parts.append(sentence)
    return parts
