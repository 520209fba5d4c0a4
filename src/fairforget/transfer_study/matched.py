"""Matched control texts for any corpus: group mentions are replaced by names of objects."""

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
"""Of neutral words: individuals, people, children."""
POSSESSIVES = ("'s", "’s")


def matched_texts(texts: Iterable[Text], *, seed: int = 0) -> list[Text]:
    """The same sentences about objects, weather and food; texts without a mention are dropped.

    "Women are late." becomes "Chairs are late.", where "Chairs" is a mention with the neutral word
    "Things". All mentions in a text get the same noun, in their own number and case.

    Args:
        texts: with mentions; the neutral word of a mention shows whether it is plural.
        seed: for drawing the nouns; each text has its own random generator.
    """
    nouns = group_terms(CONTROL)
    return [
        _replace_groups(text, random.Random(f"{text.id} {seed}").choice(nouns))
        for text in texts
        if text.mentions
    ]


def _replace_groups(text: Text, noun: GroupTerm) -> Text:
    words, *neutral = zip(*(_inflect(mention, noun) for mention in text.mentions), strict=True)
    matched = text.replace_mentions(words)
    return replace(
        matched,
        id=f"{text.id}:matched",
        domain=CONTROL,
        group=noun.group,
        mentions=tuple(
            replace(mention, neutral=neutral_words)
            for mention, neutral_words in zip(
                matched.mentions, zip(*neutral, strict=True), strict=True
            )
        ),
    )


def _inflect(mention: Mention, noun: GroupTerm) -> list[str]:
    """The noun and its neutral words, with the number, article and case of the mention."""
    neutral = mention.word
    possessive = next((end for end in POSSESSIVES if neutral.lower().endswith(end)), "")
    article, _, bare = neutral[: len(neutral) - len(possessive)].lower().rpartition(" ")
    if bare.endswith(PLURAL_ENDINGS) and not bare.endswith("ss"):
        words = [noun.plural, *noun.neutral_plural]
    else:
        words = [noun.singular, *noun.neutral_singular]
        if article not in ("a", "an"):
            words = [strip_article(word) for word in words]
    if possessive:
        words = [word + (possessive[0] if word.endswith("s") else possessive) for word in words]
    if len(neutral) > 1 and neutral.isupper():
        return [word.upper() for word in words]
    return [match_case(neutral, word) for word in words]
