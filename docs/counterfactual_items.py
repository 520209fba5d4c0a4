"""StereoSet items whose sentences say *person* or *people* instead of the group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.stereoset import evaluate
from fairforget.data.stereoset import Item
from fairforget.models.language_model import LanguageModel


def score_counterfactual_items(model: LanguageModel, items: Sequence[Item], word: str) -> list[Row]:
    """Scored items, with the word in the place of their target terms."""
    return evaluate(model, items=[replace_term(item, word) for item in items]).items


def replace_term(item: Item, word: str) -> Item:
    """The item with the word wherever a sentence has its target term, or a form of it.

    A form is a word in any case that starts with the term: Iraq, Iraqi, Iraqis.
    """
    term = re.compile(rf"(?<!\w){re.escape(item.term)}\w*", re.IGNORECASE)
    stereotype, anti_stereotype, unrelated = (
        term.sub(lambda match: _copy_case(match.group(), word), sentence)
        for sentence in item.sentences
    )
    return replace(item, sentences=(stereotype, anti_stereotype, unrelated))


def _copy_case(original: str, word: str) -> str:
    return word.capitalize() if original[0].isupper() else word
