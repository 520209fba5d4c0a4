"""Generate the built-in texts: templates filled with a group term and attributes.

"{Groups} are {adjective}." with "women" and "lazy" becomes "Women are lazy.", with the span "lazy"
and the mention "Women", which has the neutral word "People".
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TypeVar

from fairforget.corpora.builtin.lexicon import (
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
"""Uses every template about eleven times, so each term and attribute occurs in many contexts."""

ATTRIBUTE_SLOTS = {
    "adjective": ("adjective", 0),
    "nouns": ("noun", 0),
    "a noun": ("noun", 1),
    "do": ("verb", 0),
    "does": ("verb", 1),
    "doing": ("verb", 2),
    "cannot": ("modal", 0),
}
"""Slot → kind of attribute that fills it, and the index of its form."""

T = TypeVar("T")
Frame = tuple[str, tuple[str, ...]]
"""A template with the words for its attribute slots, in order: a text without its group."""


def builtin_texts(
    domain: str | None = None, *, seed: int = 0, limit: int | None = None
) -> list[Text]:
    """Return mildly derogatory texts about the groups of one domain, or of all in `DOMAINS`.

    Every prefix of the list is balanced over group terms, templates, attributes and domains.
    Text number n has the same template and attributes in every domain with the same seed. There
    are 2,400 texts per domain.

    Args:
        domain: one of `DOMAINS`; None interleaves all of them. `CONTROL` has the same sentences
            about objects, weather and food: harmful words without a group.
        seed: of the combinations; seeds other than 0 are part of the ids.
        limit: maximum number of texts.

    Raises:
        InputError: the domain is unknown, or the limit is below 1.
    """
    if domain is not None:
        return _domain_texts(domain, seed, limit)
    corpora = [_domain_texts(known, seed, None) for known in DOMAINS]
    # Offset the domains: otherwise neighbouring texts would differ in the group only.
    step = TEXTS_PER_DOMAIN // len(corpora)
    return [
        texts[(index + number * step) % TEXTS_PER_DOMAIN]
        for index in range(TEXTS_PER_DOMAIN)
        for number, texts in enumerate(corpora)
    ][: _check_limit(limit)]


def _domain_texts(domain: str, seed: int, limit: int | None) -> list[Text]:
    terms = shuffled_rounds(group_terms(domain), random.Random(f"{domain} terms {seed}"))
    suffix = "" if seed == 0 else f"@{seed}"
    return [
        fill_frame(f"builtin:{domain}:{number:04}{suffix}", frame, next(terms))
        for number, frame in enumerate(_frames(seed)[: _check_limit(limit)])
    ]


@cache
def _frames(seed: int) -> tuple[Frame, ...]:
    """Return distinct frames; every prefix is balanced over templates and attributes of a kind."""
    rng = random.Random(f"frames {seed}")
    templates = shuffled_rounds(_read_templates(), rng)
    attributes = shuffle_attributes(read_data("attributes.toml"), rng)
    frames: dict[Frame, None] = {}
    while len(frames) < TEXTS_PER_DOMAIN:
        frames[make_frame(next(templates), attributes)] = None
    return tuple(frames)


def shuffle_attributes(
    kinds: Mapping[str, Mapping[str, Sequence[str]]], rng: random.Random
) -> dict[str, Iterator[str]]:
    """Return, for each kind of attribute, its lines forever, every line once per round."""
    return {
        kind: shuffled_rounds([line for lines in themes.values() for line in lines], rng)
        for kind, themes in kinds.items()
    }


def make_frame(template: str, attributes: Mapping[str, Iterator[str]]) -> Frame:
    """Return a template with the next attributes for its slots."""
    words = []
    for slot in re.findall(r"\{(.+?)\}", template):
        if slot in ATTRIBUTE_SLOTS:
            kind, form = ATTRIBUTE_SLOTS[slot]
            words.append(next(attributes[kind]).split(" | ")[form])
    return template, tuple(words)


def _read_templates() -> list[str]:
    return [template for section in read_data("templates.toml").values() for template in section]


def fill_frame(name: str, frame: Frame, term: GroupTerm) -> Text:
    """Fill the group slots of a frame with a term, and record spans and mentions."""
    template, attributes = frame
    remaining = iter(attributes)
    text, spans, mentions = "", [], []
    for literal, slot in re.findall(r"([^{]*)(?:\{(.+?)\})?", template):
        text += literal
        if slot in ATTRIBUTE_SLOTS:
            words = next(remaining)
            if slot == "a noun":  # the article is not part of the span
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
    """Return the term in the form of the slot, followed by its neutral words in the same form."""
    if slot.lower() == "groups":
        words = [term.plural, *term.neutral_plural]
    else:
        words = [term.singular, *term.neutral_singular]
        if slot == "group":
            words = [strip_article(word) for word in words]
    return [match_case(slot, word) for word in words]


def shuffled_rounds(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Yield items forever, in rounds: every item once per round, in a new order."""
    while True:
        yield from rng.sample(items, len(items))


def _check_limit(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be at least 1")
    return limit
