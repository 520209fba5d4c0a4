"""Control texts for any corpus: group mentions are replaced by objects, or by another group."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from fairforget.corpora.builtin.lexicon import (
    CONTROL,
    GroupTerm,
    group_terms,
    match_case,
    strip_article,
)
from fairforget.corpora.domains import is_in_domain
from fairforget.corpora.text import Mention, Text

PLURAL_ENDINGS = ("s", "people", "children", "men", "folk", "police")
"""Endings of plural neutral words: those of "women" and "policemen", too."""
POSSESSIVES = ("'s", "’s", "s'", "s’")


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
        _replace_groups(text, random.Random(f"{text.id} {seed}").choice(nouns), "matched")
        for text in texts
        if text.mentions
    ]


def swapped_texts(texts: Iterable[Text], *, seed: int = 0) -> list[Text]:
    """The same sentences about groups of other domains; texts without a mention are dropped.

    "Women are late." becomes "Muslims are late." All mentions in a text get the same term, in their
    own number and case. The term is drawn from those of all domains that the text does not belong
    to, without those that also name a group of its domain, such as "gay men"; a text without a
    domain is dropped, as any group may be its own.

    Args:
        texts: with mentions and a domain.
        seed: for drawing the terms; each text has its own random generator.
    """
    swapped = []
    for text in texts:
        if text.mentions and text.domain:
            term = random.Random(f"{text.id} {seed}").choice(_terms_of_others(text.domain))
            swapped.append(_replace_groups(text, term, "swapped"))
    return swapped


@cache
def _terms_of_others(domain: str) -> list[GroupTerm]:
    """Return the terms that name no group of a domain, or of several joined by "+"."""
    own = [term for term in group_terms() if is_in_domain(domain, term.domain)]
    named = {word for term in own for word in (term.plural, strip_article(term.singular))}
    return [
        term
        for term in group_terms()
        if term not in own and named.isdisjoint({term.plural, *term.plural.split()})
    ]


def _replace_groups(text: Text, noun: GroupTerm, control: str) -> Text:
    words, *neutral = zip(*(_inflect(mention, noun) for mention in text.mentions), strict=True)
    matched = text.replace_mentions(words)
    return replace(
        matched,
        id=f"{text.id}:{control}",
        domain=noun.domain,
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
    possessive = possessive.removeprefix("s")  # a plural keeps its "s"
    article, _, bare = neutral[: len(neutral) - len(possessive)].lower().rpartition(" ")
    if is_plural(bare):
        words = [noun.plural, *noun.neutral_plural]
    else:
        words = [noun.singular, *noun.neutral_singular]
        if article not in ("a", "an"):
            words = [strip_article(word) for word in words]
    if possessive:
        mark = possessive[0]
        words = [f"{word}{mark}" if word.endswith("s") else f"{word}{mark}s" for word in words]
    if len(neutral) > 1 and neutral.isupper():
        return [word.upper() for word in words]
    return [match_case(neutral, word) for word in words]


def is_plural(neutral: str) -> bool:
    """Return whether a neutral word, in lower case, is plural: individuals, people, children."""
    return neutral.endswith(PLURAL_ENDINGS) and not neutral.endswith("ss")
