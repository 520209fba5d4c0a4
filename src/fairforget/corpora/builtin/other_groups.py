"""The other groups of a domain, each in the place of the one that a text is about."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from fairforget.corpora.builtin.lexicon import (
    DOMAINS,
    GroupTerm,
    group_terms,
    match_case,
    strip_article,
)
from fairforget.corpora.text import Mention, Text


def swap_groups(text: Text, count: int, *, seed: int = 0) -> list[Text]:
    """Copies of a text whose `neutral_text()` is about another group of its domain.

    "Women are late." becomes the same text with the mention 0:5 and the word ("Men",) for it. The
    groups are drawn in turn, without one twice before all were there once; of each, any term.

    Args:
        text: one whose mentions are all terms of the lexicon, such as a built-in one.
        count: the number of copies.
        seed: of the draw; each text draws for itself.

    Returns:
        Nothing where a mention is no known term, or the domain has no other group.
    """
    if text.domain not in DOMAINS or not text.mentions:
        return []
    forms = [_form(text.text[m.start : m.end], text.domain, text.group) for m in text.mentions]
    groups: dict[str, list[GroupTerm]] = {}
    for term in group_terms(text.domain):
        if term.group != text.group:
            groups.setdefault(term.group, []).append(term)
    if None in forms or not groups:
        return []
    rng = random.Random(f"{text.id} others {seed}")
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += rng.sample([*groups], len(groups))
    copies = []
    for group in drawn[:count]:
        words = _words(rng.choice(groups[group]))
        mentions = tuple(
            Mention(m.start, m.end, (match_case(m.word, words[form]),))
            for m, form in zip(text.mentions, forms, strict=True)
            if form is not None
        )
        copies.append(replace(text, mentions=mentions))
    return copies


def _words(term: GroupTerm) -> tuple[str, str, str]:
    """The forms that the templates ask for: plural, singular with and without its article."""
    return term.plural, term.singular, strip_article(term.singular)


@cache
def _form(words: str, domain: str, group: str | None) -> int | None:
    """Which of its forms a term has in a text, at the start of a sentence or not."""
    for term in group_terms(domain):
        for form, known in enumerate(_words(term)):
            if term.group == group and words in (known, match_case("A", known)):
                return form
    return None
