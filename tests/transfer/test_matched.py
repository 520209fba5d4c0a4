"""Matched control texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora import Mention, Span, Text, read_corpus
from fairforget.corpora.builtin import group_terms
from fairforget.transfer_study.matched import matched_texts

NOUNS = {form for term in group_terms("control") for form in (term.plural, term.singular)}


def words(text: Text, part: Span | Mention) -> str:
    return text.text[part.start : part.end]


@pytest.mark.slow
@given(st.integers(0, 3), st.integers(0, 100))
def test_harmful_spans_stay_and_mentions_become_objects(start: int, seed: int) -> None:
    for text in read_corpus("builtin:religion")[start::400]:
        (control,) = matched_texts([text], seed=seed)
        assert [words(control, s) for s in control.spans] == [words(text, s) for s in text.spans]
        assert len(control.mentions) == len(text.mentions)
        for old, new in zip(text.mentions, control.mentions, strict=True):
            assert words(control, new)[0].isupper() == old.word[0].isupper()
            assert "thing" in new.word.lower()
        assert control.domain == "control"
        bare = control.counterfactual().text.lower()
        assert bare.count("thing") >= len(text.mentions)


def test_number_and_article_follow_the_mention() -> None:
    text = Text(
        "1",
        "A Sikh is late, the Sikhs are late.",
        mentions=(Mention(0, 6, ("A person",)), Mention(20, 25, ("people",))),
    )
    (control,) = matched_texts([text])
    one, many = (words(control, mention) for mention in control.mentions)
    assert one[0].lower() + one[1:] in NOUNS
    assert one.startswith(("A ", "An "))
    assert many in NOUNS
    assert not many.startswith(("a ", "an "))
    assert control.text == f"{one} is late, the {many} are late."


@pytest.mark.parametrize(
    ("text", "end", "neutral", "made"),
    [
        ("WOMEN ARE LATE.", 5, "PEOPLE", r"[A-Z ]+S ARE LATE\."),
        ("A WOMAN IS LATE.", 7, "A PERSON", r"AN? [A-Z ]+ IS LATE\."),
        ("Women's trains are late.", 7, "People's", r"[A-Z][a-z ]+s' trains are late\."),
        ("A woman’s train is late.", 9, "A person’s", r"An? [a-z ]+(’s|s’) train is late\."),
    ],
)
def test_capitals_and_possessives_follow_the_mention(text, end, neutral, made) -> None:
    for seed in range(20):
        mentioned = Text("1", text, mentions=(Mention(0, end, (neutral,)),))
        (control,) = matched_texts([mentioned], seed=seed)
        assert re.fullmatch(made, control.text), control.text
        assert control.mentions[0].word.isupper() == neutral.isupper()


def test_texts_without_a_mention_are_dropped() -> None:
    assert matched_texts([Text("1", "It rains.")]) == []


@pytest.mark.shared_data
def test_hatecheck(shared_file) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    texts = [text for text in read_corpus("hatecheck:gender") if text.spans]
    controls = matched_texts(texts)
    assert len(controls) > 200
    assert not any("women" in control.text.lower() for control in controls)
