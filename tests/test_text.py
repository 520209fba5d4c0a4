"""Replacing the mentions of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora import Text
from fairforget.corpora.text import Mention, Span

PIECES = st.lists(
    st.tuples(st.text("ab ", min_size=1, max_size=4), st.sampled_from(["", "span", "mention"])),
    max_size=12,
)


@given(PIECES, st.data())
def test_spans_keep_their_words_when_mentions_are_replaced(pieces, data) -> None:
    spans, mentions, at = [], [], 0
    for piece, kind in pieces:
        end = at + len(piece)
        if kind == "span":
            spans.append(Span(at, end))
        elif kind == "mention":
            mentions.append(Mention(at, end, ("they",)))
        at = end
    text = Text("t", "".join(piece for piece, _ in pieces), None, None, (*spans,), (*mentions,))
    words = [data.draw(st.text("xyz", min_size=1, max_size=6)) for _ in mentions]
    replaced = text.replace_mentions(words)
    new = iter(words)
    assert replaced.text == "".join(next(new) if k == "mention" else p for p, k in pieces)
    for before, after in ((text.spans, replaced.spans), (text.mentions, replaced.mentions)):
        assert len(after) == len(before)
    assert [replaced.text[m.start : m.end] for m in replaced.mentions] == words
    assert [replaced.text[s.start : s.end] for s in replaced.spans] == [
        text.text[s.start : s.end] for s in text.spans
    ]


def test_a_neutral_word_that_is_not_in_a_tuple_is_refused() -> None:
    """Its first letter would take the place of the mention."""
    with pytest.raises(ValueError, match=r"the text 'People'; write a tuple, \('People',\)"):
        Mention(0, 5, "People")  # type: ignore[arg-type]


def test_a_span_that_overlaps_a_mention_is_dropped() -> None:
    text = Text(
        "t",
        "bad women are bad",
        spans=(Span(0, 5), Span(8, 11), Span(14, 17)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    replaced = text.replace_mentions(["people"])
    assert replaced.text == "bad people are bad"
    assert replaced.spans == (Span(15, 18),)
