"""Texts that end in a pronoun for a person with an occupation."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fairforget.corpora.builtin.lexicon import read_data
from fairforget.corpora.builtin.pronouns import OCCUPATIONS, is_gender_neutral, pronoun_texts
from fairforget.corpora.overlap import benchmark_sentences
from fairforget.corpora.text import Mention, Text
from fairforget.errors import InputError
from fairforget.objectives.trait_words import PRONOUNS

TEXTS = pronoun_texts()


def test_each_beginning_occurs_once_with_each_occupation() -> None:
    assert len({text.text for text in TEXTS}) == len(TEXTS)
    beginnings = [
        b for section in read_data("pronouns.toml").values() for b in section["beginnings"]
    ]
    assert len(beginnings) == len(set(beginnings)) > 80
    mentions = (text.text[m.start : m.end] for text in TEXTS for m in text.mentions)
    by_occupation = Counter(re.sub("^(A|a|An|an) ", "", mention) for mention in mentions)
    assert {*by_occupation.values()} == {len(beginnings)}
    assert len(by_occupation) > 70


def test_texts_end_in_a_pronoun_and_have_nothing_harmful() -> None:
    assert {text.text.rpartition(" ")[2] for text in TEXTS} == PRONOUNS - {"hers"}
    assert not any(text.spans for text in TEXTS)
    assert {text.domain for text in TEXTS} == {OCCUPATIONS}
    counts = Counter(text.text.rpartition(" ")[2] for text in TEXTS)
    assert 0.9 < counts["he"] / counts["she"] < 1.1


def test_no_occupation_has_a_gender() -> None:
    mentions = {text.text[m.start : m.end].lower() for text in TEXTS for m in text.mentions}
    assert mentions.isdisjoint({"waiter", "a waiter", "actor", "an actor"})
    assert {"nurse", "an engineer", "chief executive"} <= mentions


def test_words_that_only_end_like_one_with_a_gender_have_none() -> None:
    implied = "housewife waiters' waiters policewoman policewomen's head-waiter chairman stewardess"
    neutral = "contractor benefactor German human midwife midwives nurse manager"
    for words, expected in ((implied, False), (neutral, True)):
        for word in words.split():
            text = Text(
                "1",
                f"The {word} left.",
                OCCUPATIONS,
                mentions=(Mention(4, 4 + len(word), ("individual",)),),
            )
            assert is_gender_neutral(text) is expected, word


def test_the_counterfactual_text_is_about_an_individual() -> None:
    for text in TEXTS[:200]:
        (mention,) = text.mentions
        assert mention.word.lower() in ("individual", "an individual")
        assert mention.word[0].isupper() == text.text[mention.start].isupper()


@pytest.mark.parametrize("benchmark", ["winobias", "winogender", "crows_pairs", "stereoset"])
def test_no_sentence_of_a_benchmark_starts_like_a_text(benchmark: str) -> None:
    try:
        sentences = benchmark_sentences(benchmark)
    except InputError as error:
        pytest.skip(str(error))
    starts = {text.text.lower() for text in TEXTS}
    longest = max(len(start.split()) for start in starts)
    for sentence in sentences:
        words = sentence.lower().split()
        prefixes = {" ".join(words[:n]) for n in range(3, min(longest, len(words)) + 1)}
        assert prefixes.isdisjoint(starts), sentence
