"""Built-in texts: a template, filled with a group term and attributes.

"{Groups} are {adjective}." with "women" and "lazy" becomes "Women are lazy.": "lazy" is its span,
"Women" its mention, with the neutral word "People".
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

from fairforget.corpora.builtin.lexicon import (
    CONTROL,
    DOMAINS,
    GroupTerm,
    group_terms,
    match_case,
    read_data,
    strip_article,
)
from fairforget.corpora.text import Mention, Span, Text
from fairforget.errors import InputError

TEXTS_PER_DOMAIN = 2_400
"""Every template about eleven times: enough for all terms and attributes to meet many contexts."""

ATTRIBUTE_SLOTS = {
    "adjective": ("adjective", 0),
    "nouns": ("noun", 0),
    "a noun": ("noun", 1),
    "do": ("verb", 0),
    "does": ("verb", 1),
    "doing": ("verb", 2),
    "cannot": ("modal", 0),
}
"""Slot -> the kind of attribute that fills it, and which of its forms."""

T = TypeVar("T")
Frame = tuple[str, tuple[str, ...]]
"""A template with the words for its attribute slots, in order: a text but for its group."""


def builtin_texts(
    domain: str | None = None, *, seed: int = 0, limit: int | None = None
) -> list[Text]:
    """Mildly derogatory texts about the groups of one domain, or of all in `DOMAINS`.

    Any first part of the list is balanced over group terms, templates, attributes and domains.
    The text at one place has the same template and attributes in every domain and in
    `control_texts` of the same seed. At most 2,400 texts a domain.

    Args:
        domain: one of `DOMAINS`; None takes all of them in turn; "control" gives `control_texts`.
        seed: another seed makes other combinations; the ids of seeds other than 0 name it.
        limit: keep so many texts.

    Raises:
        InputError: if the domain is unknown, or the limit is below 1.
    """
    if domain is not None:
        return _domain_texts(domain, seed, limit)
    corpora = [_domain_texts(known, seed, None) for known in DOMAINS]
    # Each domain starts elsewhere, or neighbours would differ in nothing but the group.
    step = TEXTS_PER_DOMAIN // len(corpora)
    return [
        texts[(place + number * step) % TEXTS_PER_DOMAIN]
        for place in range(TEXTS_PER_DOMAIN)
        for number, texts in enumerate(corpora)
    ][: _checked(limit)]


def control_texts(*, seed: int = 0, limit: int | None = None) -> list[Text]:
    """The same sentences about objects, weather and food: harmful words without a group.

    Text number n has the template and the attributes of text number n of `builtin_texts` for any
    one domain, with the same seed.

    Raises:
        InputError: if the limit is below 1.
    """
    return _domain_texts(CONTROL, seed, limit)


def _domain_texts(domain: str, seed: int, limit: int | None) -> list[Text]:
    terms = _shuffled_rounds(group_terms(domain), random.Random(f"{domain} terms {seed}"))
    suffix = "" if seed == 0 else f"@{seed}"
    return [
        _fill(f"builtin:{domain}:{number:04}{suffix}", frame, next(terms))
        for number, frame in enumerate(_frames(seed)[: _checked(limit)])
    ]


@cache
def _frames(seed: int) -> tuple[Frame, ...]:
    """Distinct frames, every first part balanced over templates and over attributes of a kind."""
    rng = random.Random(f"frames {seed}")
    templates = _shuffled_rounds(_templates(), rng)
    attributes = {
        kind: _shuffled_rounds([line for lines in themes.values() for line in lines], rng)
        for kind, themes in read_data("attributes.toml").items()
    }
    frames: dict[Frame, None] = {}
    while len(frames) < TEXTS_PER_DOMAIN:
        template = next(templates)
        words = []
        for slot in re.findall(r"\{(.+?)\}", template):
            if slot in ATTRIBUTE_SLOTS:
                kind, form = ATTRIBUTE_SLOTS[slot]
                words.append(next(attributes[kind]).split(" | ")[form])
        frames[template, tuple(words)] = None
    return tuple(frames)


def _templates() -> list[str]:
    return [template for section in read_data("templates.toml").values() for template in section]


def _fill(name: str, frame: Frame, term: GroupTerm) -> Text:
    """The frame with the term in its group slots; offsets are noted while the text grows."""
    template, attributes = frame
    remaining = iter(attributes)
    text, spans, mentions = "", [], []
    for literal, slot in re.findall(r"([^{]*)(?:\{(.+?)\})?", template):
        text += literal
        if slot in ATTRIBUTE_SLOTS:
            words = next(remaining)
            if slot == "a noun":  # the article is not harmful
                noun = strip_article(words)
                text, words = text + words.removesuffix(noun), noun
            spans.append(Span(len(text), len(text) + len(words)))
            text += words
        elif slot:
            words, *neutral = _group_words(slot, term)
            mentions.append(Mention(len(text), len(text) + len(words), tuple(neutral)))
            text += words
    return Text(name, text, term.domain, term.group, tuple(spans), tuple(mentions))


def _group_words(slot: str, term: GroupTerm) -> list[str]:
    """The term as the slot wants it, followed by its neutral words in the same form."""
    if slot.lower() == "groups":
        words = [term.plural, *term.neutral_plural]
    else:
        words = [term.singular, *term.neutral_singular]
        if slot == "group":
            words = [strip_article(word) for word in words]
    return [match_case(slot, word) for word in words]


def _shuffled_rounds(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Endlessly, every item once in a new order, then again."""
    while True:
        yield from rng.sample(items, len(items))


def _checked(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1 or left out, not {limit}")
    return limit
