"""Texts about the other groups of a domain."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fairforget.corpora import Mention, Text
from fairforget.corpora.builtin import DOMAINS, builtin_texts, group_terms
from fairforget.corpora.builtin.other_groups import swap_groups


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_built_in_text_has_others(domain: str) -> None:
    known = {word for term in group_terms(domain) for word in (term.plural, term.singular)}
    for text in builtin_texts(domain, limit=200):
        copies = swap_groups(text, 3)
        assert len(copies) == 3
        for copy in copies:
            assert (copy.text, copy.spans) == (text.text, text.spans)
            other = copy.counterfactual()
            assert len(other.spans) == len(text.spans)
            for mention in copy.mentions:
                (word,) = mention.neutral
                assert any(word.lower() in one.lower() for one in known)


def test_forms_and_capitals_are_kept() -> None:
    text = Text(
        "1",
        "Women lie, and a woman like every other woman knows it.",
        "gender",
        "women",
        mentions=(
            Mention(0, 5, ("People",)),
            Mention(15, 22, ("a person",)),
            Mention(40, 45, ("person",)),
        ),
    )
    terms = {t.plural: t for t in group_terms("gender") if t.group != "women"}
    for copy in swap_groups(text, 12):
        first, second, third = (mention.word for mention in copy.mentions)
        term = terms[first[0].lower() + first[1:]]
        assert (second, third) == (term.singular, term.singular.partition(" ")[2])


def test_groups_are_drawn_in_turn() -> None:
    terms = group_terms("race")
    mine = terms[0]
    mention = Mention(0, len(mine.plural), ("people",))
    text = Text("1", f"{mine.plural} are late.", "race", mine.group, mentions=(mention,))
    group_of = {term.plural: term.group for term in terms}
    others = {*group_of.values()} - {mine.group}

    copies = swap_groups(text, 2 * len(others))

    drawn = Counter(group_of[copy.mentions[0].word] for copy in copies)
    assert drawn == dict.fromkeys(others, 2)
    assert copies == swap_groups(text, 2 * len(others))
    assert copies != swap_groups(text, 2 * len(others), seed=1)


def test_unknown_terms_have_none() -> None:
    text = builtin_texts("gender", limit=1)[0]
    assert swap_groups(replace(text, domain=None), 3) == []
    assert swap_groups(replace(text, mentions=()), 3) == []
    assert swap_groups(replace(text, group="gardeners"), 3) == []
