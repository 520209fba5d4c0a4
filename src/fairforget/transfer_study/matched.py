"""Control texts made of any corpus: its group mentions become innocent nouns."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from fairforget.corpora.builtin.lexicon import (
    CONTROL,
    GroupTerm,
    group_terms,
    match_case,
    strip_article,
)
from fairforget.corpora.text import Mention, Text

PLURAL_ENDINGS = ("s", "eople", "hildren")
"""Of the neutral words: people, individuals, children, siblings."""
POSSESSIVES = ("'s", "’s")


def matched_texts(texts: Iterable[Text], *, seed: int = 0) -> list[Text]:
    """The same sentences about objects, weather and food; texts without a mention are left out.

    "Women are late." becomes "Chairs are late."; the mention is then of chairs, with "Things" as
    its neutral word. All mentions of a text get the same noun, in their number and case.

    Args:
        texts: with mentions; a mention's neutral words tell whether it is a plural.
        seed: of the nouns; each text draws for itself.
    """
    nouns = group_terms(CONTROL)
    return [
        _about(text, random.Random(f"{text.id} {seed}").choice(nouns))
        for text in texts
        if text.mentions
    ]


def _about(text: Text, noun: GroupTerm) -> Text:
    words, *neutral = zip(*(_like(mention, noun) for mention in text.mentions), strict=True)
    renamed = text.replace_mentions(words)
    return replace(
        renamed,
        id=f"{text.id}:matched",
        domain=CONTROL,
        group=noun.group,
        mentions=tuple(
            replace(mention, neutral=mine)
            for mention, mine in zip(renamed.mentions, zip(*neutral, strict=True), strict=True)
        ),
    )


def _like(mention: Mention, noun: GroupTerm) -> list[str]:
    """The noun and its neutral words in the number, article and case of the mention."""
    neutral = mention.word
    whose = next((end for end in POSSESSIVES if neutral.lower().endswith(end)), "")
    article, _, bare = neutral[: len(neutral) - len(whose)].lower().rpartition(" ")
    if bare.endswith(PLURAL_ENDINGS) and not bare.endswith("ss"):
        words = [noun.plural, *noun.neutral_plural]
    else:
        words = [noun.singular, *noun.neutral_singular]
        if article not in ("a", "an"):
            words = [strip_article(word) for word in words]
    if whose:
        words = [word + (whose[0] if word.endswith("s") else whose) for word in words]
    if len(neutral) > 1 and neutral.isupper():
        return [word.upper() for word in words]
    return [match_case(neutral, word) for word in words]
