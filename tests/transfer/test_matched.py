"""Control texts: matched, swapped and harmless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.corpora import Mention, Span, Text, read_corpus
from fairforget.corpora.builtin import group_terms
from fairforget.corpora.builtin.lexicon import read_data
from fairforget.selection.identity import identity_ranges
from fairforget.transfer_study.harmless import harmless_texts
from fairforget.transfer_study.matched import matched_texts, swapped_texts

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
        ("Nurses' pay is late.", 7, "Workers'", r"[A-Z][a-z ]+s' pay is late\."),
        ("Nurses’ pay is late.", 7, "Workers’", r"[A-Z][a-z ]+s’ pay is late\."),
    ],
)
def test_capitals_and_possessives_follow_the_mention(text, end, neutral, made) -> None:
    for seed in range(20):
        mentioned = Text("1", text, mentions=(Mention(0, end, (neutral,)),))
        (control,) = matched_texts([mentioned], seed=seed)
        assert re.fullmatch(made, control.text), control.text
        assert control.mentions[0].word.isupper() == neutral.isupper()


@pytest.mark.parametrize("neutral", ["Women", "Men", "Folk", "Police", "Folks"])
def test_neutral_words_without_an_s_can_be_plural(neutral: str) -> None:
    text = Text("1", "Muslim women are late.", mentions=(Mention(0, 12, (neutral,)),))
    (made,) = matched_texts([text])
    assert made.text.removesuffix(" are late.").lower() in {
        t.plural for t in group_terms("control")
    }


def test_texts_without_a_mention_are_dropped() -> None:
    assert matched_texts([Text("1", "It rains.")]) == []


@pytest.mark.slow
@given(st.sampled_from(["gender", "race", "age"]), st.integers(0, 3), st.integers(0, 100))
def test_swapped_texts_keep_the_harm_and_name_a_group_of_another_domain(
    domain: str, start: int, seed: int
) -> None:
    own = {form for term in group_terms(domain) for form in (term.plural, term.singular)}
    for text in read_corpus(f"builtin:{domain}")[start::400]:
        (swapped,) = swapped_texts([text], seed=seed)
        assert [words(swapped, s) for s in swapped.spans] == [words(text, s) for s in text.spans]
        assert swapped.counterfactual().text == text.counterfactual().text
        assert swapped.domain not in (domain, "control", None)
        assert swapped.group in {term.group for term in group_terms(swapped.domain)}
        for mention in swapped.mentions:
            assert own.isdisjoint({words(swapped, mention), *words(swapped, mention).split()})


def test_a_text_without_a_domain_cannot_be_swapped() -> None:
    mention = Mention(0, 5, ("People",))
    text = Text("1", "Women are late.", "gender+race", mentions=(mention,))
    for seed in range(50):
        (swapped,) = swapped_texts([text], seed=seed)
        assert swapped.domain not in ("gender", "race")
    assert swapped_texts([Text("1", "Women are late.", mentions=(mention,))]) == []
    assert swapped_texts([Text("1", "It rains.", "gender")]) == []


HARMLESS = {
    form
    for kind in ("adjective", "noun", "verb", "modal")
    for lines in read_data("harmless.toml")[kind].values()
    for line in lines
    for form in (*line.split(" | "), *(form.partition(" ")[2] for form in line.split(" | ")))
}


@pytest.mark.slow
@given(st.integers(0, 3), st.integers(0, 100))
def test_harmless_texts_keep_the_mention_and_none_of_the_harm(start: int, seed: int) -> None:
    texts = read_corpus("builtin:religion")[start::400]
    made = harmless_texts(texts, seed=seed)
    assert len(made) == len(texts)
    for text, harmless in zip(texts, made, strict=True):
        (mention,) = harmless.mentions
        assert words(harmless, mention) in {words(text, old) for old in text.mentions} | {
            words(text, old)[0].upper() + words(text, old)[1:] for old in text.mentions
        }
        assert harmless.spans
        for span in harmless.spans:
            assert words(harmless, span) in HARMLESS
            assert mention.end < span.start
        assert (harmless.domain, harmless.group) == (text.domain, text.group)
        assert harmless.counterfactual().text[0].isupper()


def test_number_and_article_of_a_mention_choose_the_harmless_sentence() -> None:
    def text(words: str, neutral: str) -> Text:
        return Text("1", f"{words} here.", mentions=(Mention(0, len(words), (neutral,)),))

    asked = [("Women", "People"), ("a woman", "a person"), ("woman", "person")] * 20
    for made, (term, _) in zip(harmless_texts(text(*a) for a in asked), asked, strict=True):
        opening = {"Women": "Women ", "a woman": "A woman ", "woman": r"(The|This) woman "}[term]
        assert re.match(opening, made.text), made.text
        assert re.match("People |A person |(The|This) person ", made.counterfactual().text)
    for words, neutral in [("women's", "people's"), ("female", "human"), ("a female", "a human")]:
        assert harmless_texts([text(words, neutral)]) == []


def test_harmless_words_name_nobody_and_are_not_among_the_harmful_ones() -> None:
    harmful = {
        form.lower()
        for kinds in read_data("attributes.toml").values()
        for lines in kinds.values()
        for line in lines
        for form in line.split(" | ")
    }
    for form in HARMLESS:
        assert not identity_ranges(form), form
        assert form not in harmful


@pytest.mark.shared_data
def test_hatecheck(shared_file) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    texts = [text for text in read_corpus("hatecheck:gender") if text.spans]
    controls = matched_texts(texts)
    assert len(controls) > 200
    assert not any("women" in control.text.lower() for control in controls)
    swapped = swapped_texts(texts)
    assert len(swapped) == len(controls)
    assert not any("women" in control.text.lower() for control in swapped)
    harmless = harmless_texts(texts)
    assert len(harmless) > 200
    named = [bool(re.search(r"\bwom[ae]n\b", control.text.lower())) for control in harmless]
    assert sum(named) > 0.9 * len(named)  # some are misspelt
