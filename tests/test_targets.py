"""Spans to target tokens: exactly the selected characters, whatever the tokenizer and the text."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora import Mention, Span, Text
from fairforget.training.targets import encode_infilling, encode_targets, target_mask

from .models import word_tokenizer

TOKENIZER = word_tokenizer()
START = TOKENIZER.convert_tokens_to_ids("<|endoftext|>")


def encoded(text: Text, **options):
    return encode_targets(TOKENIZER, text, start_id=START, **options)


def target_text(targets) -> str:
    """The characters of the target tokens."""
    chosen = [i for i, wanted in zip(targets.ids, targets.mask, strict=True) if wanted]
    return TOKENIZER.decode(chosen)


def test_targets_are_the_words_of_the_span() -> None:
    text = Text("1", "Women are terribly unreliable drivers.", spans=(Span(10, 29),))
    targets = encoded(text)
    assert target_text(targets).strip() == "terribly unreliable"
    assert targets.ids[0] == START
    assert not targets.mask[0]


def test_nothing_follows_the_last_target() -> None:
    text = Text("1", "They lie and lie and lie.", spans=(Span(5, 8), Span(13, 16)))
    targets = encoded(text)
    assert targets.mask[-1]
    assert TOKENIZER.decode(targets.ids[1:]).strip() == "They lie and lie"
    assert targets.count == 2 * len(TOKENIZER(" lie", add_special_tokens=False)["input_ids"])


def test_a_blank_at_a_span_edge_selects_nothing_more() -> None:
    text = "Women are bad people."
    offsets = TOKENIZER(text, return_offsets_mapping=True, add_special_tokens=False)[
        "offset_mapping"
    ]
    exact = target_mask(text, offsets, [Span(10, 13)])
    assert target_mask(text, offsets, [Span(9, 14)]) == exact
    assert sum(exact) >= 1


@pytest.mark.parametrize("word", ["naïve", "🙂🙃", "плохие", "悪い", "a\u0301", "\u200bbad"])
def test_unicode_spans(word: str) -> None:
    text = f"Sie sind {word} – immer."
    start = text.index(word)
    targets = encoded(Text("1", text, spans=(Span(start, start + len(word)),)))
    before = TOKENIZER(text[:start].rstrip(), add_special_tokens=False)["input_ids"]
    assert list(targets.ids[1 : 1 + len(before)]) == before
    assert not any(targets.mask[: 1 + len(before)])
    assert word in target_text(targets)


def test_truncation_drops_targets_that_are_cut_off() -> None:
    text = Text("1", "They lie and they are bad.", spans=(Span(5, 8), Span(22, 25)))
    whole = encoded(text)
    first_end = whole.mask.index(True) + 1
    cut = encoded(text, max_length=len(whole.ids) - 1)
    assert cut.count < whole.count
    assert cut.ids == whole.ids[: len(cut.ids)]
    assert encoded(text, max_length=first_end - 1) is None


def test_after_mention_selects_everything_behind_it() -> None:
    text = Text("1", "I think women are late.", mentions=(Mention(8, 13, ("people",)),))
    targets = encoded(text, selection="after-mention")
    assert target_text(targets).strip() == "are late."


@pytest.mark.parametrize(
    ("spans", "expected"), [((Span(18, 22),), "are late"), ((), "are late and loud.")]
)
def test_to_harm_ends_with_the_first_harmful_token(spans, expected) -> None:
    text = Text(
        "1",
        "I think women are late and loud.",
        spans=spans,
        mentions=(Mention(8, 13, ("people",)),),
    )
    assert target_text(encoded(text, selection="mention-to-span")).strip() == expected


def test_a_harm_before_the_mention_ends_nothing() -> None:
    text = Text("1", "Bad women lie.", spans=(Span(0, 3),), mentions=(Mention(4, 9, ("people",)),))
    assert target_text(encoded(text, selection="mention-to-span")).strip() == "lie."


def test_a_mention_that_is_harmful_itself_ends_nothing() -> None:
    text = Text(
        "1",
        "I think womenfolk are late.",
        spans=(Span(8, 17), Span(22, 26)),
        mentions=(Mention(8, 17, ("people",)),),
    )
    assert target_text(encoded(text, selection="mention-to-span")).strip() == "are late"


def test_text_without_spans_has_no_targets() -> None:
    assert encoded(Text("1", "Hello.")) is None


def test_all_selects_every_token_but_the_start() -> None:
    targets = encoded(Text("1", "They are late."), selection="all")
    assert targets.mask == (False, *[True] * (len(targets.ids) - 1))


def test_neutral_text_lines_up() -> None:
    text = Text(
        "1",
        "I saw an Arab and a woman lie.",
        spans=(Span(26, 29),),
        mentions=(Mention(6, 13, ("a person",)), Mention(18, 25, ("somebody else",))),
    )
    targets = encoded(text, counterfactual=True)
    ((neutral_ids, neutral_mask),) = targets.counterfactuals
    pairs = zip(
        [i for i, m in zip(targets.ids, targets.mask, strict=True) if m],
        [i for i, m in zip(neutral_ids, neutral_mask, strict=True) if m],
        strict=True,
    )
    assert all(mine == theirs for mine, theirs in pairs)
    assert TOKENIZER.decode(neutral_ids[1:]) == "I saw a person and somebody else lie"


def test_neutral_drops_targets_before_the_mention() -> None:
    text = Text(
        "1",
        "Bad women are bad.",
        spans=(Span(0, 3), Span(14, 17)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    assert target_text(encoded(text, counterfactual=True)).strip() == "bad"
    assert encoded(text, counterfactual=False).count > encoded(text, counterfactual=True).count


def test_from_both_sides_the_mention_tells_of_what_precedes_it() -> None:
    text = Text(
        "1",
        "Bad women are bad.",
        spans=(Span(0, 3), Span(14, 17)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    targets = encoded(text, counterfactual=True, end_id=1)
    assert target_text(targets).split() == ["Bad", "bad"]
    ((neutral_ids, neutral_mask),) = targets.counterfactuals
    assert TOKENIZER.decode(neutral_ids[1:-1]) == "Bad people are bad."
    assert list(compress(neutral_ids, neutral_mask)) == list(compress(targets.ids, targets.mask))
    assert encoded(replace(text, mentions=()), counterfactual=True, end_id=1) is None


def test_an_answer_of_nothing_is_not_asked_for() -> None:
    assert encode_infilling(TOKENIZER, Text("1", "They lie."), start_id=START) == []
    blank = Text("1", "They  lie.", spans=(Span(5, 6),))
    assert encode_infilling(TOKENIZER, blank, start_id=START) == []


def test_random_draws_as_many_tokens_from_the_others() -> None:
    text = Text(
        "1",
        "Women are terribly unreliable drivers, most people seem to think.",
        spans=(Span(10, 18),),
    )
    harmful, drawn = encoded(text, selection="all"), encoded(text, selection="random")
    wanted = encoded(text)
    assert drawn.count == wanted.count
    chosen = {i for i, m in enumerate(drawn.mask) if m}
    assert not chosen & {i for i, m in enumerate(wanted.mask) if m}
    assert chosen <= {i for i, m in enumerate(harmful.mask) if m}
    assert encoded(text, selection="random") == drawn
    assert any(encoded(text, selection="random", seed=s).mask != drawn.mask for s in range(1, 5))


def test_masked_models_see_what_follows() -> None:
    text = Text("1", "They lie and go.", spans=(Span(5, 8),))
    targets = encoded(text, end_id=1)
    assert TOKENIZER.decode(targets.ids[1:-1]) == text.text
    assert targets.ids[-1] == 1
    assert not targets.mask[-1]
    assert len(targets.ids) == len(targets.mask)
    assert len(encoded(text, end_id=1, max_length=6).ids) == 6


def test_infilling_asks_for_each_span() -> None:
    text = Text(
        "1",
        "Women lie and cheat.",
        spans=(Span(6, 9), Span(14, 19)),
        mentions=(Mention(0, 5, ("Everybody",)),),
    )
    first, second = encode_infilling(TOKENIZER, text, start_id=START, counterfactual=True)
    assert TOKENIZER.decode(first.ids[1:]) == (
        'Fill in the blank: "Women ___ and cheat." The blank is: lie'
    )
    ((neutral_ids, _),) = second.counterfactuals
    assert TOKENIZER.decode(neutral_ids[1:]) == (
        'Fill in the blank: "Everybody lie and ___." The blank is: cheat'
    )
    assert target_text(second).strip() == "cheat"
    assert encode_infilling(TOKENIZER, text, start_id=START, max_length=5) == []


WORDS = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
        lambda w: w.strip() and not any(c.isspace() for c in w)
    ),
    min_size=2,
    max_size=12,
)


@given(WORDS, st.data())
def test_mask_is_exactly_the_tokens_that_overlap(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    chosen = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join(words[:chosen])) + bool(chosen)
    span = Span(start, start + len(words[chosen]))
    offsets = TOKENIZER(text, return_offsets_mapping=True, add_special_tokens=False)[
        "offset_mapping"
    ]
    mask = target_mask(text, offsets, [span])
    assert any(mask)
    for (begin, end), wanted in zip(offsets, mask, strict=True):
        characters = {i for i in range(begin, end) if not text[i].isspace()}
        assert wanted == bool(characters & set(range(span.start, span.end)))


@given(WORDS, WORDS)
def test_every_token_behind_a_mention_has_its_own_twin(before: list[str], after: list[str]) -> None:
    """Whatever the script: characters of several bytes are several tokens at one place."""
    start = " ".join([*before, "Women"])
    harm = " ".join(after)
    text = Text(
        "1",
        f"{start} {harm}",
        spans=(Span(len(start) + 1, len(start) + 1 + len(harm)),),
        mentions=(Mention(len(start) - 5, len(start), ("Everybody",)),),
    )
    targets = encoded(text, counterfactual=True, max_length=10_000)
    assert targets is not None
    ((ids, mask),) = targets.counterfactuals
    mine = [token for token, wanted in zip(targets.ids, targets.mask, strict=True) if wanted]
    assert mine == [token for token, wanted in zip(ids, mask, strict=True) if wanted]
    assert TOKENIZER.decode(mine).strip() == TOKENIZER.decode(TOKENIZER(harm)["input_ids"]).strip()


def test_infilling_leaves_out_what_overlaps_a_mention() -> None:
    text = Text(
        "1",
        "Women lie.",
        spans=(Span(0, 5), Span(6, 9)),
        mentions=(Mention(0, 5, ("Everybody",)),),
    )
    (only,) = encode_infilling(TOKENIZER, text, start_id=START, counterfactual=True)
    assert target_text(only).strip() == "lie"
    assert len(encode_infilling(TOKENIZER, text, start_id=START)) == 2
