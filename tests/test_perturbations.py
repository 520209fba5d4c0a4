"""Perturbed sentences of StereoSet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks import load_benchmark
from fairforget.benchmarks.sentences import continuation_scores, sentence_scores
from fairforget.benchmarks.stereoset import evaluate
from fairforget.benchmarks.stereoset.families import find_family, neutral_words
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.perturbations import (
    PERTURBATIONS,
    SYNONYMS,
    add_typos,
    reword,
)
from fairforget.data.stereoset import VERSIONS, Item
from fairforget.errors import InputError
from fairforget.selection.identity import mentions_of

from .models import tiny_model
from .test_stereoset import ITEMS

WORDS = st.lists(st.text("abcdeé'-.,", min_size=1, max_size=9), min_size=1, max_size=6)


@given(WORDS, WORDS)
def test_a_typo_depends_on_its_word_alone(first: list[str], second: list[str]) -> None:
    one, two = " ".join(first), " ".join(second)
    assert add_typos(f"{one} {two}") == f"{add_typos(one)} {add_typos(two)}"
    assert sorted(add_typos(one)) == sorted(one)
    assert [len(word) for word in add_typos(one).split()] == [len(word) for word in one.split()]


def test_typos_are_in_long_words() -> None:
    assert add_typos("The nurse was kind.") == "The nruse was kind."


@given(st.lists(st.sampled_from([*SYNONYMS, "job", "she", "is", "un-very", "very's"]), max_size=6))
def test_a_synonym_depends_on_its_word_alone(words: list[str]) -> None:
    sentence = reword(" ".join(["Norway", *words]))
    assert sentence.split() == [
        *("It", "is", "true", "that", "Norway"),
        *(part for word in words for part in SYNONYMS.get(word, word).split()),
    ]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The nurse didn’t seem VERY kind.", "the nurse did not seem Really kind."),
        ("Women are very-kind, everyone's friend.", "women are very-kind, everyone's friend."),
        ("Norwegians aren't.", "Norwegians are not."),
        ("Pupils are late.", "pupils are late."),
        ("Grandparents' homes are late.", "grandparents' homes are late."),
        ("She's late.", "she's late."),
        ("She isn't.", "she is not."),
    ],
)
def test_words_are_replaced_only_as_a_whole(sentence: str, expected: str) -> None:
    assert reword(sentence) == f"It is true that {expected}"


def test_rewording_keeps_whom_a_sentence_is_about() -> None:
    for word in (*SYNONYMS, *SYNONYMS.values()):
        assert not mentions_of(word)
        assert find_family(word) is None
        assert word not in neutral_words()


def test_rewording_and_the_neutral_word_do_not_depend_on_each_other() -> None:
    sentences = ("He isn't very kind.", "He always talked.", "He doesn't bring every book.")
    item = Item("0", "gender", "he", sentences, "He BLANK.")
    variant = neutral_item(item)
    reworded = neutral_item(replace(item, sentences=tuple(map(reword, sentences))))
    assert variant
    assert reworded
    assert tuple(map(reword, variant.sentences)) == reworded.sentences


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_version_is_perturbed(name: str) -> None:
    language_model = tiny_model("llama")
    form = PERTURBATIONS[name]
    found = evaluate(language_model, items=ITEMS, perturbation=name)
    for row, item in zip(found.items, ITEMS, strict=True):
        for version, sentence in zip(VERSIONS, item.sentences, strict=True):
            text = form.rewrite(sentence)
            expected = (
                continuation_scores(language_model, [(form.context, text)], names=["text"])
                if form.context  # which is read, and not scored
                else sentence_scores(language_model, [text], protocol="bos", names=["text"])
            )
            score = row[f"score_{version.replace('-', '_')}"]
            assert score == pytest.approx(expected.mean[0], abs=1e-5)
    # items are the same, so that evaluations can be compared
    original = evaluate(language_model, items=ITEMS).items
    assert [row["stereotype"] for row in found.items] == [row["stereotype"] for row in original]
    assert found.result["perturbation"] == name


def test_the_neutral_variant_is_perturbed_too() -> None:
    """`log_ratio_neutral` is computed from the perturbed sentences with the neutral word."""
    language_model = tiny_model("llama")
    found = evaluate(language_model, items=ITEMS[:1], perturbation="uppercase").items[0]
    item = ITEMS[0]
    neutral = replace(
        item, sentences=tuple(s.replace("Women", "People").upper() for s in item.sentences)
    )
    row = evaluate(language_model, items=[neutral]).items[0]
    assert found["log_ratio_neutral"] == pytest.approx(row["log_ratio"], abs=1e-3)


def test_what_cannot_be_perturbed_is_refused() -> None:
    with pytest.raises(InputError, match="has no perturbations; remove 'typos'"):
        load_benchmark("stereoset:intersentence:typos")
    with pytest.raises(InputError, match="two options for perturbation, 'typos' and 'lowercase'"):
        load_benchmark("stereoset:typos:lowercase")
    for name in ("reported", "role-play"):
        with pytest.raises(InputError, match=f"'{name}' sentences after a context, which 'bias-b"):
            load_benchmark(f"stereoset:bias-bench:{name}")
    with pytest.raises(InputError, match="needs a causal model"):
        load_benchmark("stereoset:typos").check("stereoset:typos", tiny_model("bert"))
