"""Texts about groups that a run retains."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora.sentences import MAX_WORDS, short_sentences
from fairforget.selection.identity import mentions_of
from fairforget.training import group_texts
from fairforget.training.group_texts import counterfactual_sequences, group_sentences
from fairforget.training.targets import Targets

PASSAGES = (
    "The river rose. The nurse went home. It rained.",
    "Many Norwegians ski. The bridge is old.",
    "Nothing happened.",
)


def test_sentences_that_name_a_group_are_retained() -> None:
    assert sorted(group_sentences(PASSAGES)) == ["Many Norwegians ski.", "The nurse went home."]
    assert group_sentences(PASSAGES[2:]) == []


def test_the_sentences_come_in_the_same_random_order(monkeypatch: pytest.MonkeyPatch) -> None:
    passages = [f"{number} nurses came." for number in range(30)]
    assert group_sentences(passages) == group_sentences(passages) != passages
    monkeypatch.setattr(group_texts, "MAX_SENTENCES", 7)
    assert len(group_sentences(passages)) == 7


@given(st.lists(st.sampled_from(["The nurse left.", "Rain fell.", "Two men sang!"]), max_size=5))
def test_every_sentence_with_a_group_is_found(sentences: Sequence[str]) -> None:
    expected = [sentence for sentence in sentences if mentions_of(sentence)]
    assert group_sentences([" ".join(sentences)]) == expected


@given(st.lists(st.text(alphabet="aB. !"), max_size=4))
def test_short_sentences_are_parts_of_their_texts(texts: Sequence[str]) -> None:
    for sentence in short_sentences(texts):
        assert len(sentence.split()) <= MAX_WORDS
        assert any(sentence in text for text in texts)


def test_each_counterfactual_text_is_retained_once() -> None:
    def targets(*others: tuple[int, ...]) -> Targets:
        marked = tuple((ids, (False,) * len(ids)) for ids in others)
        return Targets((0, 5, 6), (False, False, True), marked)

    both = [targets((0, 1, 6), (0, 2, 6)), targets((0, 1, 6)), targets()]
    assert counterfactual_sequences(both) == [[0, 1, 6], [0, 2, 6]]
