"""Counterfactual texts about the other groups of a domain."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

from fairforget.corpora.builtin.lexicon import (
    DOMAINS,
    group_terms,
    match_case,
    terms_by_group,
)
from fairforget.corpora.text import Mention, Text


def swap_groups(text: Text, count: int, *, seed: int = 0) -> list[Text]:
    """Return copies of a text with other groups of its domain as neutral words.

    "Women are late." is copied with the mention 0:5 and the word ("Men",), so `counterfactual()` of
    the copy is "Men are late." Groups are drawn without replacement until all were drawn; terms
    within a group are drawn at random.

    Args:
        text: a text whose mentions are terms of the lexicon, such as a built-in one.
        count: number of copies.
        seed: of the draw, together with the id of the text.

    Returns:
        [count] copies; empty if a mention is not a known term, or the domain has no other group.
    """
    if text.domain not in DOMAINS or not text.mentions:
        return []
    forms = [_find_form(text.text[m.start : m.end], text.domain, text.group) for m in text.mentions]
    groups = terms_by_group(text.domain)
    groups.pop(text.group or "", None)
    if None in forms or not groups:
        return []
    rng = random.Random(f"{text.id} others {seed}")
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += rng.sample([*groups], len(groups))
    copies = []
    for group in drawn[:count]:
        words = rng.choice(groups[group]).forms
        mentions = tuple(
            Mention(m.start, m.end, (match_case(m.word, words[form]),))
            for m, form in zip(text.mentions, forms, strict=True)
            if form is not None
        )
        copies.append(replace(text, mentions=mentions))
    return copies


@cache
def _find_form(words: str, domain: str, group: str | None) -> int | None:
    """Return the index of the form in which the text uses a term of the group, or None."""
    for term in group_terms(domain):
        for form, known in enumerate(term.forms):
            if term.group == group and words in (known, match_case("A", known)):
                return form
    return None
