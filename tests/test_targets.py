"""Target tokens are exactly the selected characters, for any text."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora import Mention, Span, Text
from fairforget.errors import InputError
from fairforget.targets import encode_infilling, encode_targets, target_mask

from .models import masked_tokenizer, word_tokenizer

TOKENIZER = word_tokenizer()
START = TOKENIZER.convert_tokens_to_ids("<|endoftext|>")


def encode(text: Text, **options):
    return encode_targets(TOKENIZER, text, start_id=START, **options)


def target_text(targets) -> str:
    """The characters of the target tokens."""
    return TOKENIZER.decode(list(compress(targets.ids, targets.mask)))


def test_targets_are_the_words_of_the_span() -> None:
    text = Text("1", "Women are terribly unreliable drivers.", spans=(Span(10, 29),))
    targets = encode(text)
    assert target_text(targets).strip() == "terribly unreliable"
    assert targets.ids[0] == START
    assert not targets.mask[0]


def test_only_words_for_occupations_have_no_gender() -> None:
    text = Text("1", "Nurses are late.", "profession", spans=(Span(11, 15),))
    assert encode(text).gender_neutral
    assert not encode(replace(text, domain="gender")).gender_neutral
    assert not encode(replace(text, domain="gender+profession")).gender_neutral
    assert not encode(replace(text, domain=None)).gender_neutral
    assert encode(replace(text, domain="Profession+class")).gender_neutral
    for word in ("Nurses", "Waiter", "waitress", "chairmen", "Policewoman"):
        start = Text(
            "1", f"{word} are late.", "profession", spans=(Span(len(word) + 5, len(word) + 9),)
        )
        mentioned = replace(start, mentions=(Mention(0, len(word), ("People",)),))
        assert encode(mentioned, selection="after-mention").gender_neutral == (word == "Nurses")


def test_nothing_follows_the_last_target() -> None:
    text = Text("1", "They lie and lie and lie.", spans=(Span(5, 8), Span(13, 16)))
    targets = encode(text)
    assert targets.mask[-1]
    assert TOKENIZER.decode(targets.ids[1:]).strip() == "They lie and lie"
    assert targets.count == 2 * len(TOKENIZER(" lie", add_special_tokens=False)["input_ids"])


def test_white_space_at_a_span_edge_selects_nothing_more() -> None:
    text = "Women are bad people."
    offsets = TOKENIZER(text, return_offsets_mapping=True, add_special_tokens=False)[
        "offset_mapping"
    ]
    exact = target_mask(text, offsets, [Span(10, 13)])
    assert target_mask(text, offsets, [Span(9, 14)]) == exact
    assert sum(exact) >= 1


def test_a_span_of_white_space_selects_nothing() -> None:
    text = "a    b"
    offsets = [(0, 1), (1, 4), (4, 6)]  # of GPT-2
    assert target_mask(text, offsets, [Span(2, 3)]) == [False] * 3
    assert target_mask(text, offsets, [Span(0, 6)]) == [True] * 3


@pytest.mark.parametrize("word", ["naïve", "🙂🙃", "плохие", "悪い", "a\u0301", "\u200bbad"])
def test_unicode_spans(word: str) -> None:
    text = f"Sie sind {word} – immer."
    start = text.index(word)
    targets = encode(Text("1", text, spans=(Span(start, start + len(word)),)))
    before = TOKENIZER(text[:start].rstrip(), add_special_tokens=False)["input_ids"]
    assert list(targets.ids[1 : 1 + len(before)]) == before
    assert not any(targets.mask[: 1 + len(before)])
    assert word in target_text(targets)


def test_truncation_drops_targets_that_are_cut_off() -> None:
    text = Text("1", "They lie and they are bad.", spans=(Span(5, 8), Span(22, 25)))
    whole = encode(text)
    first_end = whole.mask.index(True) + 1
    cut = encode(text, max_length=len(whole.ids) - 1)
    assert cut.count < whole.count
    assert cut.ids == whole.ids[: len(cut.ids)]
    assert encode(text, max_length=first_end - 1) is None


def test_after_mention_selects_everything_after_it() -> None:
    text = Text("1", "I think women are late.", mentions=(Mention(8, 13, ("people",)),))
    targets = encode(text, selection="after-mention")
    assert target_text(targets).strip() == "are late."


@pytest.mark.parametrize(
    ("spans", "expected"), [((Span(18, 22),), "are late"), ((), "are late and loud.")]
)
def test_mention_to_span_ends_with_the_first_harmful_token(spans, expected) -> None:
    text = Text(
        "1",
        "I think women are late and loud.",
        spans=spans,
        mentions=(Mention(8, 13, ("people",)),),
    )
    assert target_text(encode(text, selection="mention-to-span")).strip() == expected


def test_a_harmful_token_before_the_mention_ends_nothing() -> None:
    text = Text("1", "Bad women lie.", spans=(Span(0, 3),), mentions=(Mention(4, 9, ("people",)),))
    assert target_text(encode(text, selection="mention-to-span")).strip() == "lie."


def test_a_harmful_mention_ends_nothing() -> None:
    text = Text(
        "1",
        "I think womenfolk are late.",
        spans=(Span(8, 17), Span(22, 26)),
        mentions=(Mention(8, 17, ("people",)),),
    )
    assert target_text(encode(text, selection="mention-to-span")).strip() == "are late"


def test_text_without_spans_has_no_targets() -> None:
    assert encode(Text("1", "Hello.")) is None


def test_an_unknown_selection_is_refused() -> None:
    with pytest.raises(InputError, match="selection 'span' is unknown; choose from spans, "):
        encode_targets(word_tokenizer(), Text("1", "They are late."), start_id=0, selection="span")


def test_all_selects_every_token_except_the_start() -> None:
    targets = encode(Text("1", "They are late."), selection="all")
    assert targets.mask == (False, *[True] * (len(targets.ids) - 1))


def test_the_counterfactual_text_is_aligned() -> None:
    text = Text(
        "1",
        "I saw an Arab and a woman lie.",
        spans=(Span(26, 29),),
        mentions=(Mention(6, 13, ("a person",)), Mention(18, 25, ("somebody else",))),
    )
    targets = encode(text, counterfactual=True)
    ((neutral_ids, neutral_mask),) = targets.counterfactuals
    assert list(compress(targets.ids, targets.mask)) == list(compress(neutral_ids, neutral_mask))
    assert TOKENIZER.decode(neutral_ids[1:]) == "I saw a person and somebody else lie"


def test_a_causal_model_has_no_aligned_positions_before_the_mention() -> None:
    text = Text(
        "1",
        "Bad women are bad.",
        spans=(Span(0, 3), Span(14, 17)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    assert target_text(encode(text, counterfactual=True)).strip() == "bad"
    assert encode(text, counterfactual=False).count > encode(text, counterfactual=True).count


def test_a_masked_model_has_aligned_positions_before_the_mention() -> None:
    text = Text(
        "1",
        "Bad women are bad.",
        spans=(Span(0, 3), Span(14, 17)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    targets = encode(text, counterfactual=True, end_id=1)
    assert target_text(targets).split() == ["Bad", "bad"]
    ((neutral_ids, neutral_mask),) = targets.counterfactuals
    assert TOKENIZER.decode(neutral_ids[1:-1]) == "Bad people are bad."
    assert list(compress(neutral_ids, neutral_mask)) == list(compress(targets.ids, targets.mask))
    assert encode(replace(text, mentions=()), counterfactual=True, end_id=1) is None


def test_infilling_without_an_answer_is_left_out() -> None:
    assert encode_infilling(TOKENIZER, Text("1", "They lie."), start_id=START) == []
    blank = Text("1", "They  lie.", spans=(Span(5, 6),))
    assert encode_infilling(TOKENIZER, blank, start_id=START) == []


def test_random_draws_equally_many_of_the_other_tokens() -> None:
    text = Text(
        "1",
        "Women are terribly unreliable drivers, most people seem to think.",
        spans=(Span(10, 18),),
    )
    everything, drawn = encode(text, selection="all"), encode(text, selection="random")
    harmful = encode(text)
    assert drawn.count == harmful.count
    positions = {i for i, m in enumerate(drawn.mask) if m}
    assert not positions & {i for i, m in enumerate(harmful.mask) if m}
    assert positions <= {i for i, m in enumerate(everything.mask) if m}
    assert encode(text, selection="random") == drawn
    assert any(encode(text, selection="random", seed=s).mask != drawn.mask for s in range(1, 5))


def test_a_masked_model_keeps_the_text_after_the_targets() -> None:
    text = Text("1", "They lie and go.", spans=(Span(5, 8),))
    targets = encode(text, end_id=1)
    assert TOKENIZER.decode(targets.ids[1:-1]) == text.text
    assert targets.ids[-1] == 1
    assert not targets.mask[-1]
    assert len(targets.ids) == len(targets.mask)
    assert len(encode(text, end_id=1, max_length=6).ids) == 6


def test_infilling_encodes_each_span() -> None:
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
    index = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join(words[:index])) + bool(index)
    span = Span(start, start + len(words[index]))
    offsets = TOKENIZER(text, return_offsets_mapping=True, add_special_tokens=False)[
        "offset_mapping"
    ]
    mask = target_mask(text, offsets, [span])
    assert any(mask)
    for (begin, end), is_target in zip(offsets, mask, strict=True):
        characters = {i for i in range(begin, end) if not text[i].isspace()}
        assert is_target == bool(characters & set(range(span.start, span.end)))


@given(WORDS, WORDS)
def test_every_token_after_a_mention_has_an_aligned_position(
    before: list[str], after: list[str]
) -> None:
    """For any script: a character of several bytes is several tokens with one offset."""
    start = " ".join([*before, "Women"])
    harm = " ".join(after)
    text = Text(
        "1",
        f"{start} {harm}",
        spans=(Span(len(start) + 1, len(start) + 1 + len(harm)),),
        mentions=(Mention(len(start) - 5, len(start), ("Everybody",)),),
    )
    targets = encode(text, counterfactual=True, max_length=10_000)
    assert targets is not None
    ((ids, mask),) = targets.counterfactuals
    tokens = list(compress(targets.ids, targets.mask))
    assert tokens == list(compress(ids, mask))
    assert (
        TOKENIZER.decode(tokens).strip() == TOKENIZER.decode(TOKENIZER(harm)["input_ids"]).strip()
    )


def test_infilling_leaves_out_spans_that_overlap_a_mention() -> None:
    text = Text(
        "1",
        "Women lie.",
        spans=(Span(0, 5), Span(6, 9)),
        mentions=(Mention(0, 5, ("Everybody",)),),
    )
    (only,) = encode_infilling(TOKENIZER, text, start_id=START, counterfactual=True)
    assert target_text(only).strip() == "lie"
    assert len(encode_infilling(TOKENIZER, text, start_id=START)) == 2


@given(WORDS, st.data())
def test_blanks_in_a_tokens_offsets_change_nothing(words: list[str], data: st.DataObject) -> None:
    """Some tokenizers count the space before a word to its token, others do not."""
    text = " ".join(words)
    edges = [0]
    for word in words:
        edges.append(edges[-1] + len(word) + 1)
    exact = [(start, end - 1) for start, end in pairwise(edges)]
    wide = [(max(start - 1, 0), end) for start, end in exact]
    start = data.draw(st.integers(0, len(text) - 1))
    spans = [Span(start, data.draw(st.integers(start + 1, len(text))))]
    mask = target_mask(text, exact, spans)
    assert target_mask(text, wide, spans) == mask
    assert mask == [
        any(i < spans[0].end and i >= spans[0].start for i in range(*word)) for word in exact
    ]


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_masked_models_text_has_one_frame(family: str) -> None:
    """The tokenizer's own start and end are not added to those that are given."""
    tokenizer = masked_tokenizer(family)
    frame = {"start_id": tokenizer.cls_token_id, "end_id": tokenizer.sep_token_id}
    text = Text(
        "1",
        "They think women lie.",
        spans=(Span(17, 20),),
        mentions=(Mention(11, 16, ("people",)),),
    )
    for counterpart in (False, True):
        targets = encode_targets(tokenizer, text, counterfactual=counterpart, **frame)
        assert list(targets.ids) == tokenizer(text.text)["input_ids"]
        assert (
            list(compress(targets.ids, targets.mask))
            == (tokenizer(" lie", add_special_tokens=False)["input_ids"])
        )
    ((ids, _),) = targets.counterfactuals
    assert list(ids) == tokenizer("They think people lie.")["input_ids"]
    infilled = encode_infilling(tokenizer, text, start_id=frame["start_id"])
    assert infilled[0].ids.count(frame["start_id"]) == 1
    assert frame["end_id"] not in infilled[0].ids


def test_a_token_with_another_id_in_the_counterfactual_is_not_aligned() -> None:
    """WordPiece marks a token that goes on with a word; what follows is the same."""
    tokenizer = masked_tokenizer("bert")
    text = Text("1", "Womenm late.", spans=(Span(5, 11),), mentions=(Mention(0, 5, ("They.",)),))
    frame = {"start_id": tokenizer.cls_token_id, "end_id": tokenizer.sep_token_id}
    alone = encode_targets(tokenizer, text, **frame)
    aligned = encode_targets(tokenizer, text, counterfactual=True, **frame)
    assert tokenizer.convert_ids_to_tokens(list(compress(alone.ids, alone.mask))) == ["##m", "late"]
    assert list(compress(aligned.ids, aligned.mask)) == list(compress(alone.ids, alone.mask))[1:]
    ((ids, mask),) = aligned.counterfactuals
    assert list(compress(ids, mask)) == list(compress(aligned.ids, aligned.mask))


def test_other_groups_replace_the_neutral_text() -> None:
    text = Text(
        "1",
        "I think women are late.",
        spans=(Span(18, 22),),
        mentions=(Mention(8, 13, ("people",)),),
    )
    others = [replace(text, mentions=(Mention(8, 13, (word,)),)) for word in ("men", "drivers")]
    targets = encode(text, counterfactual=True, others=others)
    read = [TOKENIZER.decode(ids[1:]) for ids, _ in targets.counterfactuals]
    assert read == ["I think men are late", "I think drivers are late"]
    first, second = encode_infilling(
        TOKENIZER,
        replace(text, spans=(Span(18, 22),)),
        start_id=START,
        counterfactual=True,
        others=others,
    )[0].counterfactuals
    assert '"I think men are ___." The blank is: late' in TOKENIZER.decode(first[0])
    assert '"I think drivers are ___." The blank is: late' in TOKENIZER.decode(second[0])


def test_a_target_that_one_counterfactual_lacks_is_dropped() -> None:
    """Cut off in the longer of two texts, kept in the shorter."""
    text = Text(
        "1", "Women are late.", spans=(Span(10, 14),), mentions=(Mention(0, 5, ("People",)),)
    )
    short, long = (
        replace(text, mentions=(Mention(0, 5, (word,)),)) for word in ("They", "Some of the people")
    )
    length = len(encode(text, counterfactual=True, others=[short]).ids)
    assert encode(text, counterfactual=True, others=[short], max_length=length) is not None
    assert encode(text, counterfactual=True, others=[short, long], max_length=length) is None


@given(st.integers(1, 20))
def test_no_more_tokens_are_kept_than_asked_for(length: int) -> None:
    text = Text("1", "Most women are late and loud.", mentions=(Mention(5, 10, ("people",)),))
    for options in (
        {},
        {"end_id": 1},
        {"counterfactual": True},
        {"counterfactual": True, "end_id": 1},
    ):
        targets = encode(text, selection="all", max_length=length, **options)
        whole = encode(text, selection="all", **options)
        if targets is None:
            assert length <= whole.mask.index(True) + ("end_id" in options)
            continue
        end = [1] if "end_id" in options else []
        assert len(targets.ids) <= length
        if not options.get("counterfactual-kl"):
            assert len(targets.ids) == min(length, len(whole.ids))
        inner = targets.ids[: len(targets.ids) - len(end)]
        assert [*inner, *end] == list(targets.ids)
        assert whole.ids[: len(inner)] == inner


@given(st.integers(0, 40))
def test_infilling_is_kept_up_to_the_length(more: int) -> None:
    text = Text("1", "Women lie.", spans=(Span(6, 9),), mentions=(Mention(0, 5, ("Some people",)),))
    for options in ({}, {"counterfactual": True}):
        (whole,) = encode_infilling(TOKENIZER, text, start_id=START, max_length=999, **options)
        longest = max(
            len(whole.ids), *(len(ids) for ids, _ in (*whole.counterfactuals, (whole.ids, ())))
        )
        kept = encode_infilling(
            TOKENIZER, text, start_id=START, max_length=longest + more, **options
        )
        assert kept == [whole]
        assert not encode_infilling(
            TOKENIZER, text, start_id=START, max_length=longest - 1 - more, **options
        )
    assert (
        encode_infilling(TOKENIZER, replace(text, mentions=()), start_id=START, counterfactual=True)
        == []
    )


def test_the_random_selection_does_not_draw_more_than_there_is() -> None:
    text = Text("1", "Women are terribly unreliable.", spans=(Span(0, 25),))
    drawn, all_of_them = encode(text, selection="random"), encode(text, selection="all")
    assert drawn.count == all_of_them.count - encode(text).count < encode(text).count
    assert encode(replace(text, spans=(Span(0, 30),)), selection="random") is None
    assert encode(replace(text, spans=()), selection="random") is None


def test_each_text_and_each_seed_draws_for_itself() -> None:
    text = Text(
        "1", "Women are terribly unreliable drivers, most people think.", spans=(Span(10, 18),)
    )
    drawn = {
        (name, seed): encode(replace(text, id=name), selection="random", seed=seed).mask
        for name in "abcd"
        for seed in range(4)
    }
    assert len({drawn["a", seed] for seed in range(4)}) > 1
    assert len({drawn[name, 0] for name in "abcd"}) > 1
    assert drawn["a", 0] == encode(replace(text, id="a"), selection="random").mask


def test_random_targets_of_aligned_texts_are_aligned_tokens() -> None:
    text = Text(
        "1",
        "Bad women are late and loud and lie, I think.",
        spans=(Span(0, 3), Span(14, 18)),
        mentions=(Mention(4, 9, ("people",)),),
    )
    for seed in range(5):
        targets = encode(text, selection="random", counterfactual=True, seed=seed)
        wanted = encode(text, counterfactual=True)
        assert targets.count == wanted.count  # the target before the mention does not count
        ((ids, mask),) = targets.counterfactuals
        assert list(compress(ids, mask)) == list(compress(targets.ids, targets.mask))
        assert not any(a and b for a, b in zip(targets.mask, wanted.mask, strict=False))
