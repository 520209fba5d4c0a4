"""StereoSet's items about anyone: what a model scores that is not told of which group they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.stereoset import evaluate
from fairforget.data.stereoset import Item
from fairforget.models.language_model import LanguageModel


def unnamed_rows(model: LanguageModel, items: Sequence[Item], word: str) -> list[Row]:
    """The scored items, with a word for anyone in the place of their target terms."""
    return evaluate(model, items=[unnamed(item, word) for item in items]).items


def unnamed(item: Item, word: str) -> Item:
    """The item with the word wherever a sentence has its target term, or a form of it.

    That is a word, of any case, that starts as the term does: Iraq, Iraqi, Iraqis.
    """
    term = re.compile(rf"(?<!\w){re.escape(item.term)}\w*", re.IGNORECASE)
    put = partial(term.sub, lambda found: _as_in(found.group(), word))
    stereotype, anti_stereotype, unrelated = map(put, item.sentences)
    return replace(item, sentences=(stereotype, anti_stereotype, unrelated))


def _as_in(replaced: str, word: str) -> str:
    return word.capitalize() if replaced[0].isupper() else word
