"""Neutral words in the place of StereoSet's groups: number, articles, capitals, pronouns, verbs."""

from __future__ import annotations

import re

import pytest

from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.pronouns import use_they
from fairforget.data.stereoset import Item, read_items


def neutral(term: str, sentence: str, paraphrase: str | None = None) -> str | None:
    """The stereotype of an intrasentence item whose two versions are the same sentence."""
    item = Item("1", "race", term, (sentence, sentence, "No."), "")
    found = neutral_item(item, paraphrase=paraphrase)
    return found.sentences[0] if found else None


@pytest.mark.parametrize(
    ("term", "sentence", "expected"),
    [
        # countries
        ("Ethiopia", "Ethiopia is poor.", "The country is poor."),
        ("Ethiopia", "People in ethiopia are thin", "People in the country are thin"),
        ("Ecuador", "The poor country of ecuador is cheap.", "The poor country is cheap."),
        ("Morocco", "I love Morocco's food.", "I love the country's food."),
        ("Sierra Leon", "She left sierra leone.", "She left the country."),
        ("Ukraine", "He fled the Ukraine.", "He fled the country."),
        ("Jordan", "Jordan was voted the number one name.", None),
        ("Morocco", "Morocco storekeepers cheat.", None),
        ("Africa", "They flew to Africa.", "They flew to the continent."),
        # adjectives before a noun are dropped, as nouns they are people
        ("Iranian", "Iranian people are kind.", "People are kind."),
        ("Eritrean", "That is an Eritrean artist.", "That is an artist."),
        ("Bengali", "I saw a Bengali artist.", "I saw an artist."),
        ("Eritrean", "I met an Eritrean who sang.", "I met a person who sang."),
        ("Iranian", "The evil iranian was here.", "The evil person was here."),
        ("Japanese", "The Japanese bombed it.", "The people bombed it."),
        ("Ghanaian", "Many ghanaians are tall.", "Many people are tall."),
        ("Syria", "The young syrian man was late.", "The young man was late."),
        ("Hispanic", "Most hispanics drive.", "Most people drive."),
        ("Iranian", "All the terrorists are iranian.", None),
        ("Russian", "She speaks Russian.", None),
        ("African", "People of African descent came.", None),
        ("Arab", "Arab is a dangerous country.", None),
        # professions
        ("plumber", "The plumber was late.", "The person was late."),
        ("engineer", "We met an engineer here.", "We met a person here."),
        ("policeman", "Policemen are kind.", "People are kind."),
        ("nurse", "I saw the nurse's car.", "I saw the person's car."),
        ("nurse", "The nurse said he was late.", "The person said he was late."),
        ("producer", "The film producer was rude.", None),
        ("plumber", "He is a plumber.", None),
        ("mathematician", "Mathematician are always kind.", None),
        # genders, with the pronouns that follow
        ("mother", "My mother loves her son.", "My parent loves their son."),
        ("mother", "My mother knows she was late.", "My parent knows they were late."),
        ("mother", "Her mother was kind.", "Her parent was kind."),
        ("mother", "Her mother said she was kind.", None),
        ("mother", "His mother was a kind woman.", None),
        ("schoolgirl", "The schoolgirl lost her bag.", "The pupil lost their bag."),
        ("gentlemen", "Those gentlemen are kind.", "Those people are kind."),
        ("male", "The male nurse was kind.", "The nurse was kind."),
        ("male", "A male shaves.", "A person shaves."),
        ("male", "A male can shave.", "A person can shave."),
        ("herself", "She sees herself as kind.", "They see themselves as kind."),
        ("himself", "He is a man who loves himself.", None),
        # religions
        ("Bible", "The Bible is old.", "The book is old."),
        ("Bible", "Our Bible study is at five.", None),
        ("Muslim", "The Muslim community is kind.", "The community is kind."),
        ("Muslim", "Most Muslims follow Islam.", "Most people follow the religion."),
        ("Brahmin", "The brahmin are kind.", "The people are kind."),
        ("Jihad", "The Jihad is here.", None),
        ("teapot", "The teapot is here.", None),
    ],
)
def test_a_neutral_word_stands_in_the_groups_place(term, sentence, expected) -> None:
    assert neutral(term, sentence) == expected


def test_paraphrases_are_other_words_in_the_same_form() -> None:
    assert neutral("Iranian", "Iranians are kind.", "first") == "Individuals are kind."
    assert neutral("Iranian", "An Iranian was kind.", "first") == "An individual was kind."
    assert neutral("Iranian", "Iranians are kind.", "second") == "Folks are kind."
    assert neutral("Ethiopia", "In Ethiopia it rains.", "first") == "In the nation it rains."
    assert neutral("Ethiopia", "In Ethiopia it rains.", "second") == "In the place it rains."


def test_both_versions_name_the_group_equally_often() -> None:
    sentences = ("Males are male.", "Males are kind.", "No.")
    assert neutral_item(Item("1", "gender", "male", sentences, "")) is None


def test_only_the_context_of_an_intersentence_item_names_the_group() -> None:
    item = Item("1", "race", "Iranian", ("He is late.", "He is kind.", "No."), "An Iranian came.")
    found = neutral_item(item, task="intersentence")
    assert found is not None
    assert found.context == "A person came."
    assert found.sentences == item.sentences
    named = Item(
        "1", "race", "Iranian", ("Iranians lie.", "He is kind.", "No."), "An Iranian came."
    )
    assert neutral_item(named, task="intersentence") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She is kind and she has a cat.", "They are kind and they have a cat."),
        ("He always tries his best.", None),
        ("Is she late?", "Are they late?"),
        ("It was she.", None),
        ("She's late, and she's been ill.", "They're late, and they've been ill."),
        ("We saw her.", "We saw them."),
        ("We saw her at home with her cat.", "We saw them at home with their cat."),
        ("The cat is hers.", "The cat is theirs."),
        ("She cooks and cleans.", None),
        ("She watches, then she goes.", "They watch, then they go."),
        ("She doesn't hurry and she'll stay.", "They don't hurry and they'll stay."),
    ],
)
def test_she_becomes_they(text: str, expected: str | None) -> None:
    wanted = text if expected is None and "He" in text.split() else expected
    assert use_they(text, "feminine") == wanted


def test_he_becomes_they() -> None:
    assert use_they("He always tries his best.", "masculine") == "They always try their best."
    assert use_they("The cat is his.", "masculine") == "The cat is theirs."
    assert use_they("She saw him.", "masculine") == "She saw them."


SHARES = {
    "intrasentence": {"gender": 0.8, "profession": 0.85, "race": 0.9, "religion": 0.7},
    "intersentence": {"gender": 0.6, "profession": 0.8, "race": 0.8, "religion": 0.7},
}
"""Shares of the public items that have a neutral word, at least."""


FAULTS = (
    r"(?i)\b(?:a|an|the) (?:a|an|the)\b",
    r"(?i)\ba [aeio]\w",
    r"(?i)\ban [bcdfgjklmnpqrstvwxyz]",
    r"(?i)\bthey (?:is|was|has|does)\b",
    r"(?:^|[.!?] )[a-z]",
    r"  ",
)
"""What a wrong replacement would leave; some items have such faults themselves."""


@pytest.mark.real_model  # the items come with its packages
@pytest.mark.parametrize("task", SHARES)
def test_most_public_items_have_a_neutral_word(task) -> None:
    items = read_items(task=task)
    variants = [neutral_item(item, task=task) for item in items]
    for domain, share in SHARES[task].items():
        fits = [v is not None for v, i in zip(variants, items, strict=True) if i.domain == domain]
        assert sum(fits) / len(fits) >= share
    for item, variant in zip(items, variants, strict=True):
        if variant is None:
            continue
        before, after = (" ".join([i.context, *i.sentences[:2]]) for i in (item, variant))
        if task == "intrasentence":
            before, after = (" ".join(i.sentences[:2]) for i in (item, variant))
        assert not re.search(rf"(?<!\w){re.escape(item.term)}(?!\w)", after, re.IGNORECASE)
        for fault in FAULTS:
            assert len(re.findall(fault, after)) <= len(re.findall(fault, before)), after
        assert variant.sentences[2] == item.sentences[2]
