"""Selectors: harmful words are found however they are written, groups never are."""

from __future__ import annotations

import json
import math
import os
import random
import re
import signal
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from fairforget.cli import main
from fairforget.corpora import Mention, Span, Text, iter_corpus, read_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.builtin.lexicon import CONTROL
from fairforget.errors import InputError, MissingDataError
from fairforget.selection import contrast, make_selector
from fairforget.selection.contrast import (
    LEAST_Z,
    Contrast,
    best_threshold,
    selected_share,
    training_texts,
)
from fairforget.selection.controls import Random, all_words, given_spans
from fairforget.selection.counts import count_words
from fairforget.selection.debris import debris_ranges
from fairforget.selection.identity import (
    identity_ranges,
    is_misspelt_identity,
    is_protected,
    mentions_of,
)
from fairforget.selection.lexicon import read_lexicon
from fairforget.selection.parallel import select_in_parallel
from fairforget.selection.ranges import overlapping
from fairforget.selection.score import score_spans
from fairforget.selection.selected import (
    SelectedSpan,
    Selector,
    apply_selection,
    merge_adjacent,
    select,
    to_row,
    write_spans,
)
from fairforget.selection.words import Word, split_words, stem
from fairforget.settings import SelectSettings


def chosen(text: str, choices: list[SelectedSpan]) -> list[str]:
    return [text[choice.start : choice.end] for choice in choices]


# Words


@pytest.mark.parametrize(
    "same",
    [
        ["hate", "hates", "hated", "hating", "h4te", "HATE", "h a t e", "haaaate"],
        ["kill", "kills", "killed", "killing", "killer", "k1ll"],
        ["stab", "stabs", "stabbed", "stabbing", "st4b"],
        ["bitch", "bitches", "b1tch", "bitch's"],
        ["enemy", "enemies"],
    ],
)
def test_spellings_of_a_word_have_one_form(same) -> None:
    forms = {spelling: [word.form for word in split_words(spelling)] for spelling in same}
    assert len({tuple(found) for found in forms.values()}) == 1, forms


def test_words_stand_where_they_stand() -> None:
    text = "You're “t r a s h”, 2nd-rate $cum!"
    assert [text[w.start : w.end] for w in split_words(text)] == [
        "You're", "t r a s h", "2nd", "rate", "cum",
    ]  # fmt: skip
    assert [word.plain for word in split_words("in 1945, 3rd")] == ["in", "1945", "3rd"]


@for_all(st.text(max_size=60))
def test_words_are_in_order_and_never_overlap(text: str) -> None:
    at = 0
    for word in split_words(text):
        assert at <= word.start < word.end <= len(text)
        assert stem(word.plain)
        at = word.end


DECOMPOSED = "aeiouncAEIÑé çöåœß'’ -.,$@3"


def words_of(text: str) -> list[tuple[str, str]]:
    """The words of a text with their plain forms, all composed."""
    return [
        (unicodedata.normalize("NFC", text[word.start : word.end]), word.plain)
        for word in split_words(text)
    ]


@for_all(st.text(DECOMPOSED, max_size=40))
def test_accents_may_be_decomposed(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert words_of(decomposed) == words_of(composed)
    for words in (split_words(composed), split_words(decomposed)):
        assert not any(unicodedata.combining(word.plain[0]) for word in words)


def test_combining_characters_split_no_word() -> None:
    assert [word for word, _ in words_of("fe\u0301minines, हिन्दी, h a t e\u0301s")] == [
        *("féminines", "हिन्दी", "h a t", "és"),
    ]
    assert [word for word, _ in words_of("αι ι α ι α")] == ["αι", "ι α ι α"]
    for text in ("The A\u0308rab. e\u0301women", "women\u0301 men\u0308"):
        assert mentions_of(text) == mentions_of(unicodedata.normalize("NFC", text)) == ()
        assert identity_ranges(text) == []


# Groups


@pytest.mark.parametrize(
    ("text", "neutral"),
    [
        ("Women are late.", "People are late."),
        ("An immigrant is a woman.", "A person is a person."),
        ("An immigrant met her.", "A human met her."),
        ("I know an Arab and two Arab men.", "I know a person and two people."),
        ("That woman's hat; the women's hats.", "That person's hat; the people's hats."),
        ("The Muslims' mosque", "The people's mosque"),
        ("Some 'Muslims' are called 'lazy'.", "Some 'people' are called 'lazy'."),
        ("WOMEN! Jews lie. He said: Muslims lie.", "PEOPLE! People lie. He said: People lie."),
        ("Black lives, a gay couple", "Human lives, a human couple"),
        ("A German is with German tourists.", "A person is with human tourists."),
        ("A Muslim is it, Muslim lives are.", "A person is it, human lives are."),
        ("The river has a bridge.", "The river has a bridge."),
    ],
)  # fmt: skip
def test_mentions_fit_in_number_case_and_article(text: str, neutral: str) -> None:
    assert Text("x", text, mentions=mentions_of(text)).counterfactual().text == neutral


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("‘Kill all immigrants’ he said.", ["immigrants"]),
        ("'I hate Muslims' and left", ["Muslims"]),
        ("It is the immigrants' fault.", ["immigrants'"]),
        ("He said 'no'. The immigrants' fault.", ["immigrants'"]),
        ("Jehovah’s Witnesses are vile.", ["Jehovah’s Witnesses"]),
        ("grade A\nWomen are late", ["Women"]),
        ("He is gay\n\nPeople hate him.", []),
        ("He is an\nAsian man.", ["an\nAsian man"]),
        ("Get 'em out of the boys' club", ["boys'"]),
        ("In the '90s the girls' toys", ["girls'"]),
    ],
)
def test_mentions_end_at_quotes_and_lines(text: str, found: list[str]) -> None:
    assert [text[it.start : it.end] for it in mentions_of(text)] == found


def test_an_acronym_does_not_put_its_neutral_words_in_capitals() -> None:
    (mention,) = mentions_of("They support LGBTQ rights.")
    assert mention.neutral == ("human",)


def test_a_mention_survives_if_only_its_article_is_selected() -> None:
    text = "Such a woman is a bad driver."
    (item,) = apply_selection(
        [Text("t", text)],
        lambda _: [[SelectedSpan(0, 6, "such a"), SelectedSpan(18, 21)]],
        mentions_of,
    )
    assert [text[m.start : m.end] for m in item.text.mentions] == ["a woman"]
    assert [text[s.start : s.end] for s in item.text.spans] == ["Such", "bad"]
    assert item.why == ("such a", "")
    (item,) = apply_selection([Text("t", text)], lambda _: [[SelectedSpan(5, 12)]], mentions_of)
    assert item.text.mentions == ()


def test_a_span_without_letters_is_kept() -> None:
    (item,) = apply_selection(
        [Text("t", "They are 🐷.")], lambda _: [[SelectedSpan(9, 10)]], mentions_of
    )
    assert item.text.spans == (Span(9, 10),)


def test_mentions_of_the_builtin_corpus_are_found_where_they_are() -> None:
    texts = builtin_texts()[::37]
    found = [set(mentions_of(text.text)) >= set() for text in texts]
    assert all(found)
    exact = sum(
        {(m.start, m.end) for m in text.mentions}
        <= {(m.start, m.end) for m in mentions_of(text.text)}
        for text in texts
    )
    assert exact > 0.9 * len(texts)


def test_groups_are_protected_in_leetspeak_and_misspelt_but_words_are_not() -> None:
    text = "w0men, b l a c k people and Muslims"
    assert chosen(text, [SelectedSpan(a, b) for a, b in identity_ranges(text)]) == [
        "w0men", "b l a c k", "Muslims",
    ]  # fmt: skip
    assert all(map(is_protected, ["women", "she", "muslim", "islam", "female"]))
    assert all(map(is_misspelt_identity, ["womn", "muslms", "blcak", "immigrnts"]))
    assert not any(map(is_protected, ["stupid", "vermin", "kill"]))


def test_letters_that_only_look_alike_name_nobody() -> None:
    for word in ("MUSLİMS", "gırls", "muſlims"):
        assert mentions_of(f"They hate {word} and say so.") == ()
    text = "They hate İİ muslims and say so."  # two letters that are four in lower case
    assert [text[m.start : m.end] for m in mentions_of(text)] == ["muslims"]


def test_a_word_of_any_length_is_skipped_quickly() -> None:
    text = "ha" * 200_000
    assert not is_misspelt_identity(text)
    assert chosen(text, Contrast(count_words(training()))([Text("x", text)])[0]) == []


# Controls and given spans


def test_controls() -> None:
    text = Text("t", "Women are vile and rude liars.", spans=(Span(10, 14), Span(19, 23)))
    assert chosen(text.text, given_spans([text])[0]) == ["vile", "rude"]
    assert chosen(text.text, all_words([text])[0]) == ["Women are vile and rude liars"]
    (drawn,) = Random(1)([text])
    assert Random(1)([text]) == [drawn]
    words = [w for part in chosen(text.text, drawn) for w in part.split()]
    assert len(words) == 2
    assert "Women" not in words
    assert len({str(Random(seed)([text])) for seed in range(20)}) > 1


@for_all(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=8))
def test_joined_choices_are_in_order_and_cover_the_same(parts: list[tuple[int, int]]) -> None:
    text = "ab cd  ef gh" * 3
    choices = [SelectedSpan(start, min(start + length, len(text))) for start, length in parts]
    found = merge_adjacent(text, choices)
    before = {i for c in choices for i in range(c.start, c.end)}
    after = {i for c in found for i in range(c.start, c.end)}
    assert before <= after
    assert all(text[i].isspace() for i in after - before)
    assert all(a.end < b.start for a, b in pairwise(found))


def naive_merge(text: str, spans: list[SelectedSpan]) -> list[SelectedSpan]:
    """`merge_adjacent`, in quadratic time."""
    merged: list[SelectedSpan] = []
    for span in sorted(spans):
        if merged and not text[merged[-1].end : span.start].strip():
            last = merged.pop()
            why = last.why if span.why in ("", last.why) else f"{last.why}; {span.why}"
            span = SelectedSpan(last.start, max(last.end, span.end), why)
        merged.append(span)
    return merged


@for_all(
    st.lists(
        st.tuples(
            st.integers(0, 30), st.integers(1, 6), st.sampled_from(["", "a", "b", "a; b", "; a"])
        ),
        max_size=8,
    )
)
def test_reasons_are_joined_as_one_by_one(parts: list[tuple[int, int, str]]) -> None:
    text = "ab cd  ef gh" * 3
    spans = [SelectedSpan(start, start + length, why) for start, length, why in parts]
    assert merge_adjacent(text, spans) == naive_merge(text, spans)


@for_all(
    st.lists(st.integers(0, 40), max_size=16, unique=True),
    st.tuples(st.integers(-1, 41), st.integers(1, 9)),
)
def test_overlapping_ranges_are_found(bounds: list[int], part: tuple[int, int]) -> None:
    ordered = sorted(bounds)
    ranges = [*zip(ordered[::2], ordered[1::2], strict=False)]
    start, end = part[0], sum(part)
    naive = [r for r in ranges if r[0] < end and start < r[1]]
    assert overlapping(ranges, start, end) == naive
    touching = [r for r in ranges if r[0] <= end and start <= r[1]]
    assert overlapping(ranges, start - 1, end + 1) == touching


@pytest.mark.slow
def test_the_time_is_proportional_to_the_length_of_a_text(tmp_path: Path) -> None:
    """32 times the text takes about 32 times as long; with a quadratic step, 90 times or more."""
    (tmp_path / "words.txt").write_text("lie\n")
    lexicon, sentence = read_lexicon(str(tmp_path / "words.txt")), "women lie â€™ "

    def seconds(selector: Selector, repeats: int) -> float:
        starts = range(6, len(sentence) * repeats, len(sentence))
        spans = tuple(Span(start, start + 3) for start in starts)
        start = time.process_time()
        apply_selection([Text("t", sentence * repeats, spans=spans)], selector, mentions_of)
        return time.process_time() - start

    for selector in (lexicon, Contrast(COUNTS, threshold=0.0), Random()):
        short = min(seconds(selector, 125) for _ in range(4))
        assert seconds(selector, 4000) < 60 * short, selector


# Lexicon


def test_lexicon_skips_entries_with_signs_and_reads_comments(tmp_path: Path, capsys) -> None:
    path = tmp_path / "list.txt"
    path.write_text("idiot  # mild\na$$\nf***\ngo back\ns.o.b.\n# none\n")
    lexicon = read_lexicon(str(path))
    assert "skipped 2 of the entries" in capsys.readouterr().err
    texts = [
        "a hit, an idiot, grade F",
        "I had to go. Back home it rained.",
        "go\nback home, s.o.b.",
    ]
    found = lexicon([Text("", text) for text in texts])
    words = [
        [text[s.start : s.end] for s in spans] for text, spans in zip(texts, found, strict=True)
    ]
    assert words == [["idiot"], [], ["go\nback", "s.o.b"]]


def test_lexicon_finds_inflections_phrases_and_leetspeak(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# mine\n  # a river\nvermin\nmake me sick\nhate\nrape\nWomen\n", encoding="utf-8-sig"
    )
    lexicon = read_lexicon(str(path))
    text = "Women h4ting v e r m i n makes me sick, hat and rap, a river"
    (found,) = lexicon([Text("t", text)])
    assert chosen(text, found) == ["h4ting v e r m i n makes me sick"]
    assert "lexicon: hating" in found[0].why
    path.write_text("women\n")
    with pytest.raises(InputError, match="no entries"):
        read_lexicon(str(path))
    with pytest.raises(InputError, match="package 'nothing_there' is not installed"):
        read_lexicon("nothing_there:words.txt")
    with pytest.raises(InputError, match="name too long; check the path"):
        read_lexicon("words" * 60)
    with pytest.raises(InputError, match="needs --lexicon"):
        make_selector(SelectSettings(method="lexicon"))


def test_groups_are_cut_out_of_what_a_list_finds(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("old\npoor\ndirty jews\nwomen are vile\n")
    lexicon = read_lexicon(str(path))
    for text, expected in (
        ("Old people are here.", []),
        ("An old mill of old people.", ["old"]),
        ("The d1rty Jews, they say.", ["d1rty"]),
        ("I think women are vile.", ["are vile"]),
    ):
        (found,) = lexicon([Text("t", text)])
        assert chosen(text, found) == expected
        named = identity_ranges(text)
        assert not any(c.start < end and start < c.end for c in found for start, end in named)


# Contrast


def training() -> list[Text]:
    rng = random.Random(0)
    common = [
        "the",
        "of",
        "to",
        "in",
        "was",
        "on",
        "with",
        "for",
        "that",
        "this",
        "from",
        "have",
        "been",
        "river",
        "town",
        "morning",
    ]
    texts = []
    for number in range(600):
        words = rng.choices(common, k=8)
        hateful = number % 2 == 0
        if hateful:
            words += [*rng.sample(["vermin", "parasites", "disgusting", "filth"], 2), "women"]
        else:
            words += rng.sample(["lovely", "market", "garden", "women"], 2)
        rng.shuffle(words)
        texts.append(Text(f"t{number}", " ".join(words), hateful=hateful))
    return texts


def test_contrast_chooses_hateful_words_and_never_groups() -> None:
    selector = Contrast(count_words(training()), threshold=5.0)
    text = "In the morning women, w0men, womn have been disgustingly bad v3rmin from the river"
    (found,) = selector([Text("t", text)])
    assert chosen(text, found) == ["disgustingly bad v3rmin"]
    assert "vermin: log-odds z +" in found[0].why


def test_log_odds_are_those_of_the_paper() -> None:
    """Antisymmetric in the two corpora, 0 for a word used alike, shrunk for a rare one."""
    texts = training()
    turned = [Text(t.id, t.text, hateful=not t.hateful) for t in texts]
    one, other = Contrast(count_words(texts)), Contrast(count_words(turned))
    for word in ("vermin", "gardin", "river", "nowher"):
        assert one.odds(word).log_ratio == pytest.approx(-other.odds(word).log_ratio)
        assert one.odds(word).z == pytest.approx(-other.odds(word).z)
    assert one.odds("vermin").z > 5
    assert abs(one.odds("river").z) < 3
    assert abs(one.odds("neverseen").log_ratio) < 0.2


def test_a_word_that_speaks_against_hate_is_never_selected() -> None:
    """Whatever the threshold: "lovely" is only in texts that are not hateful."""
    selector = Contrast(count_words(training()), threshold=-100.0)
    assert selector.odds(stem("lovely")).z < LEAST_Z < selector.odds(stem("river")).z
    text = "lovely vermin by the river"
    (found,) = selector([Text("t", text)])
    assert chosen(text, found) == ["vermin by the river"]


@pytest.mark.parametrize(
    ("text", "debris"),
    [
        ("donâ€™t", ["â€™"]),
        ("she saidâ€œ no", ["â€œ"]),
        ("cafÃ© ðŸ˜‚ Â£5", ["Ã©", "ðŸ˜‚", "Â£"]),
        ("cut offâ€", ["â€"]),
        ("lost \ufffd and \x93", ["\ufffd", "\x93"]),
        ("a &amp; b &#x200B; c &#8217; d", ["&amp;", "&#x200B;", "&#8217;"]),
        ("naïve café, ‘quoted’… 😂😂 ÜBER Größe À la", []),
        ("“a café” is déclassé… or the café’s", []),
        ("AT&T; R&D; Привет 你好", []),
    ],
)
def test_debris_of_broken_encodings_is_found(text: str, debris: list[str]) -> None:
    assert [text[start:end] for start, end in debris_ranges(text)] == debris


def test_debris_and_what_touches_it_is_not_selected() -> None:
    selector = Contrast(count_words(training()), threshold=5.0)
    text = "They donâ€™t like &amp; hate\ufffdful v3rmin"
    (found,) = selector([Text("t", text)])
    assert chosen(text, found) == ["like", "v3rmin"]


@for_all(st.text(max_size=30))
def test_readable_text_is_no_debris_but_misread_is(text: str) -> None:
    words = "".join(c for c in text if c.isalpha() and 0xA0 < ord(c) < 0x250)
    for character in words:
        assert debris_ranges(f"a {character} b") == []
        try:
            misread = character.encode().decode("cp1252")
        except UnicodeDecodeError:
            continue
        assert debris_ranges(f"a {misread} b") == [(2, 2 + len(misread))]


def test_a_share_far_from_that_of_training_is_warned_of() -> None:
    selector = Contrast(count_words(training()), threshold=5.0, usual_share=0.2)
    for share, far in ((0.2, False), (0.14, False), (0.29, False), (0.13, True), (0.31, True)):
        assert bool(selector.warn(share)) is far
    assert "selects 31 % of the characters of this corpus, but 20 % of" in selector.warn(0.31)
    assert replace(selector, usual_share=math.nan).warn(0.9) == ""
    texts = [Text("a", "vermin", spans=(Span(0, 6),)), Text("b", "the old river")]
    assert selected_share(texts) == 6 / 19


@pytest.mark.slow
def test_the_command_warns_of_a_corpus_unlike_training(tmp_path: Path, capsys) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("text\nZwei Boote fahren langsam flussaufwärts.\n")
    main(["select", str(plain), "--method", "contrast", "--train", "builtin", "--json"])
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["share_selected"] > 1.5 * found["share_in_training"]
    assert "Warning: contrast selects" in err
    assert "choose a corpus like it with --train" in err


def build_without(
    error: InputError, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str = "everyday"
) -> Contrast:
    """A selector whose background is one sentence, but one corpus of it cannot be read."""

    def read(name: str, **options: str) -> Iterator[Text]:
        if name not in contrast.BACKGROUND:
            yield from iter_corpus(name, **options)
            return
        if name in missing:
            raise error
        yield Text(name, "The morning was grey.")

    rows = "".join(f'"{text.text}",{text.hateful}\n' for text in training())
    (tmp_path / "train.csv").write_text(f"text,hateful\n{rows}")
    monkeypatch.setattr(contrast, "iter_corpus", read)
    monkeypatch.setattr(contrast, "calibration_texts", lambda: builtin_texts(limit=20))
    return contrast.build(SelectSettings(train=str(tmp_path / "train.csv")))


def test_a_missing_background_is_skipped_with_a_message(monkeypatch, tmp_path, capsys) -> None:
    error = MissingDataError("siqa/test.jsonl is not on this machine; get it")
    selector = build_without(error, monkeypatch, tmp_path)
    assert selector.background == ("wikipedia",)
    assert selector.counts.background == Counter(["the", "morn", "was", "grei"])
    shown = capsys.readouterr().err.splitlines()
    assert [line for line in shown if "contrast" in line] == [
        f"contrast: corpora of general English are missing, which changes the selection: {error}"
    ]
    selector = build_without(error, monkeypatch, tmp_path, "wikipedia,everyday")
    assert selector.background == ()
    assert capsys.readouterr().err.count("contrast: corpora of general English are missing") == 1


def test_a_damaged_background_is_an_error(monkeypatch, tmp_path) -> None:
    with pytest.raises(InputError, match="has unexpected content"):
        build_without(InputError("x has unexpected content; delete it"), monkeypatch, tmp_path)


def test_words_that_ran_together_are_taken_apart() -> None:
    selector = Contrast(count_words(training()), threshold=5.0)
    text = "the women wasvermin on womentown"
    (found,) = selector([Text("t", text)])
    assert "vermin" in chosen(text, found)
    assert not any("women" in part for part in chosen(text, found))


def test_training_needs_both_kinds() -> None:
    with pytest.raises(InputError, match="no text is hateful"):
        count_words([Text("t", "fine", hateful=False)])
    for hateful in (True, None):
        with pytest.raises(InputError, match="all texts are hateful or unlabelled; add a corpus"):
            count_words([Text("t", "bad", hateful=hateful)], [Text("b", "The river is wide.")])
    text = Text("t", "bad river", spans=(Span(0, 3),), hateful=True)
    assert [*count_words([text]).other] == [stem("river")]


@pytest.mark.parametrize(
    ("train", "message"),
    [("", "train is empty; give at least one"), ("edos,edos", "train: 'edos' is listed twice")],
)
def test_every_training_corpus_is_named_once(train: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_selector(SelectSettings(train=train))


def test_the_best_threshold_separates_what_can_be_separated() -> None:
    text = Text("t", "aaaa bbbb cccc", spans=(Span(5, 9),))
    words = [(Word(0, 4, "aaaa"), 1.1), (Word(5, 9, "bbbb"), 3.0), (Word(10, 14, "cccc"), 2.2)]
    threshold = best_threshold([text], [words])
    assert [word.plain for word, score in words if score > threshold] == ["bbbb"]


@for_all(st.text(max_size=80))
def test_choices_always_make_a_text(text: str) -> None:
    selector = Contrast(COUNTS, threshold=0.0)
    if text.strip():
        (item,) = select([Text("t", text)], selector, mentions_of)
        assert len(item.why) == len(item.text.spans)


COUNTS = count_words(training())


# Score, files, review


def test_the_score_counts_characters() -> None:
    true = Text(
        "t", "Women are vile liars", spans=(Span(10, 14),), mentions=(Mention(0, 5, ("People",)),)
    )
    unmarked = Text("u", "Women belong elsewhere")
    picked = [[SelectedSpan(0, 5), SelectedSpan(10, 20)], [SelectedSpan(6, 12)]]
    score = score_spans(
        zip([true, unmarked], select([true, unmarked], lambda _: picked), strict=True)
    )
    assert score.precision == pytest.approx(4 / 14)
    assert score.recall == 1
    assert score.f1 == pytest.approx(8 / 18)
    assert score.identity_share == pytest.approx(5 / 20)
    assert (score.scored, score.unmarked, score.selected) == (1, 1, 20)


def test_selected_texts_are_a_corpus_again(tmp_path: Path) -> None:
    texts = [
        Text("a", "Grüße, women are vile 🐀 liars", "gender", "women", split="dev", hateful=True)
    ]
    items = list(select(texts, Contrast(COUNTS, threshold=7.0), mentions_of))
    write_spans(items, tmp_path / "spans.jsonl")
    assert read_corpus(str(tmp_path / "spans.jsonl")) == [items[0].text]
    row = json.loads((tmp_path / "spans.jsonl").read_text())
    assert set(row) >= {"id", "text", "domain", "group", "spans", "mentions", "why"}
    assert row == to_row(items[0])


def test_the_review_page_carries_texts_safely(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    from fairforget.selection.review import write_review

    text = "</script><script>alert(1)</script> & <b>vile</b> women"
    items = list(select([Text("a", text, "gender")], all_words))
    write_review(items, tmp_path / "page.html", "<mine>")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<script") == 2
    assert "alert(1)" in page
    assert "&lt;mine&gt;" in page
    assert "://" not in page
    data = re.search(r'<script id="rows"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1]) == [to_row(items[0])]


def test_controls_without_a_group_are_a_corpus_like_any_other() -> None:
    (item,) = select(builtin_texts(CONTROL, limit=1), given_spans, mentions_of)
    assert item.text == builtin_texts(CONTROL, limit=1)[0]


# The command


def test_the_command_needs_something_to_do(capsys, tmp_path: Path) -> None:
    for args, message in (
        ([], "nothing to do"),
        (["--score"], "no spans to compare with"),
        (["--dry_run"], "--dry_run needs method 'llm'; add --method llm"),
        (["--lexicon", "words.txt", "--json"], "add --method lexicon"),
        (["--url", "http://127.0.0.1:1/v1", "--json"], "add --method llm"),
        (
            ["--method", "llm", "--input_price", "1", "--json"],
            "--input_price and --output_price need --dry_run",
        ),
    ):
        corpus = tmp_path / "plain.csv"
        corpus.write_text("text\nhello there\n")
        with pytest.raises(SystemExit) as exit_:
            main(["select", str(corpus), *args])
        assert exit_.value.code == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_give_the_same_in_order_and_read_little_ahead() -> None:
    drawn = 0

    def texts() -> Iterator[Text]:
        nonlocal drawn
        for drawn in range(1, 2001):
            yield Text(f"t{drawn}", f"Women are vermin or number {drawn}.")

    selector = Contrast(COUNTS, threshold=5.0)
    alone = list(select(texts(), selector, mentions_of))
    drawn = 0
    together = select_in_parallel(texts(), selector, mentions_of, processes=2)
    first = next(together)
    assert drawn <= 256 * 5
    assert [first, *together] == alone
    assert any(item.why for item in alone)


def kill(texts: Sequence[Text]) -> list[list[SelectedSpan]]:
    """A selector whose process the system ends, as it does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    return [[] for _ in texts]


@pytest.mark.slow
def test_a_worker_that_the_system_ends_is_reported() -> None:
    with pytest.raises(InputError, match=r"a worker process ended unexpectedly: .* --processes"):
        list(select_in_parallel([Text("a", "A river.")], kill, processes=1))


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_a_verb_with_an_apostrophe_ends_a_group(apostrophe: str) -> None:
    (mention,) = mentions_of(f"A Muslim doesn{apostrophe}t belong here.")
    assert mention.neutral[0] == "A person"


@pytest.mark.parametrize("space", ["\u00a0", "  ", "\n"])
def test_any_space_may_be_within_a_group(space: str) -> None:
    text = f"All old{space}people are slow."
    (mention,) = mentions_of(text)
    assert text[mention.start : mention.end] == f"old{space}people"
    assert identity_ranges(text) == [(mention.start, mention.end)]


@pytest.mark.parametrize("invisible", ["\u00ad", "\u200b", "\u2060", "\ufeff"])
def test_a_part_of_a_word_with_an_invisible_character_is_no_group(invisible: str) -> None:
    assert mentions_of(f"All wo{invisible}men are slow.") == ()
    assert mentions_of(f"All fe{invisible}male drivers are slow.") == ()
    assert mentions_of(f"All fe{2 * invisible}male drivers are slow.") == ()
    assert mentions_of(f"All women{invisible}folk are slow.") == ()


@pytest.mark.parametrize("invisible", ["\u00ad", "\u200b", "\u2060", "\ufeff"])
@pytest.mark.parametrize(
    "text",
    ["{}Women are slow.", "All women{} are slow.", "They hate women{}.", "{0}{0}women{0}"],
)
def test_an_invisible_character_may_be_beside_a_group(invisible: str, text: str) -> None:
    shown = text.format(invisible)
    (mention,) = mentions_of(shown)
    assert shown[mention.start : mention.end].lower() == "women"
    assert identity_ranges(shown) == [(mention.start, mention.end)]


@pytest.mark.parametrize(
    ("options", "count"), [("", 2), ("?label=hateful", 1), ("?label=other", 1)]
)
def test_training_texts_have_all_labels_unless_an_option_says_otherwise(
    tmp_path: Path, options: str, count: int
) -> None:
    path = tmp_path / "label=1" / "posts.csv"  # as a partitioned data set names its folders
    path.parent.mkdir()
    path.write_text("text,hateful\nThey are dull.,true\nThe river is wide.,false\n")
    assert len([*training_texts(f"{path}{options}")]) == count


@pytest.mark.shared_data
def test_options_with_commas_train_a_selector(shared_file) -> None:
    shared_file("edos/edos_labelled_aggregated.csv")
    both = [t.id for t in training_texts("edos?category=threats, derogation&split=dev, builtin")]
    one = [t.id for t in training_texts("edos?category=threats&split=dev")]
    assert set(one) < set(both)
    assert any(name.startswith("builtin") for name in both)


@pytest.mark.slow
@pytest.mark.shared_data
def test_contrast_trained_on_edos_finds_what_hatecheck_marks(shared_file, capsys, tmp_path) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    shared_file("edos/edos_labelled_aggregated.csv")
    spans = tmp_path / "spans.jsonl"
    args = ["--method", "contrast", "--train", "edos", "--output", str(spans)]
    main(["select", "hatecheck", *args, "--score", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["f1"] >= 0.5
    assert found["identity_share"] <= 0.02
    theirs, ours = read_corpus("hatecheck"), read_corpus(str(spans))
    for mine, given_ in zip(ours, theirs, strict=True):
        assert replace(given_, spans=mine.spans, mentions=mine.mentions) == mine
        assert mine.mentions == given_.mentions or not given_.mentions
    assert sum(bool(text.spans) for text in ours) > 0.9 * len(ours)
    main(["select", "hatecheck", "--method", "random", "--score", "--json"])
    assert json.loads(capsys.readouterr().out)["f1"] < found["f1"] - 0.1
