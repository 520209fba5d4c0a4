"""The texts that methods train or fit on: passages of the retain corpus `wikipedia`."""

from __future__ import annotations

import random
import re
from functools import cache

from fairforget.corpora import HARMLESS, read_corpus
from fairforget.models.language_model import LanguageModel
from fairforget.training.preparation import HELD_OUT, RETAIN, Corpus, hold_out

MAX_CHARACTERS = 300
"""Maximum length of a passage, about 70 tokens."""


@cache
def retain_corpus() -> Corpus:
    """Return the retain corpus of all methods that train."""
    return Corpus("wikipedia", read_corpus("wikipedia", label=HARMLESS))


def training_passages(language_model: LanguageModel, seed: int) -> list[str]:
    """Return the passages of `training_texts` in random order.

    Args:
        language_model: as for `training_texts`.
        seed: seed of the order.

    Raises:
        InputError: the corpus is not installed.
    """
    parts = [part for text in training_texts(language_model) for part in split_passage(text)]
    random.Random(f"passages {seed}").shuffle(parts)
    return parts


def training_texts(language_model: LanguageModel) -> list[str]:
    """Return the texts of the corpus without those on which the budget is measured.

    Args:
        language_model: determines which texts are held out, as in `unlearn`.

    Raises:
        InputError: the corpus is not installed.
    """
    held_out, others = hold_out(language_model, retain_corpus(), HELD_OUT[RETAIN])
    unseen = {text for text, _ in held_out}
    return [text for text, _ in others if text not in unseen]


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
