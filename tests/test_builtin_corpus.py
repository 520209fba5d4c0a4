"""The built-in corpus: exact ranges, grammatical swaps, balance, and matched controls."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairforget.corpora.builtin import (
    DOMAINS,
    GroupTerm,
    builtin_texts,
    group_terms,
)
from fairforget.corpora.builtin.generate import ATTRIBUTE_SLOTS
from fairforget.corpora.builtin.lexicon import CONTROL, read_data, strip_article
from fairforget.corpora.text import Text
from fairforget.errors import InputError

pytestmark = pytest.mark.slow

REQUIRED = ("gender", "race", "religion", "sexuality", "disability", "nationality")
EVERY_LEXICON = (*DOMAINS, CONTROL)
GROUP_SLOTS = {"Groups", "groups", "A group", "a group", "group"}
A_BEFORE_VOWEL = ("European", "Ukrainian", "Unitarian", "university")
AN_BEFORE_CONSONANT = ("heir", "LGBT")

TEMPLATES = [template for section in read_data("templates.toml").values() for template in section]
ATTRIBUTES = {
    kind: [line.split(" | ") for lines in themes.values() for line in lines]
    for kind, themes in read_data("attributes.toml").items()
}


def parts(text: Text, ranges: str) -> list[str]:
    return [text.text[part.start : part.end] for part in getattr(text, ranges)]


def surface_forms(terms: tuple[GroupTerm, ...]) -> set[str]:
    """Every way in which a mention of these terms may be written inside a sentence."""
    return {
        form
        for term in terms
        for form in (term.plural, term.singular, strip_article(term.singular))
    }


def mentions_any(terms: tuple[GroupTerm, ...]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(surface_forms(terms))))
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)


def frame(text: Text) -> tuple[list[str], list[str]]:
    """What surrounds the mentions, and the harmful words."""
    edges = [0, *(edge for m in text.mentions for edge in (m.start, m.end)), len(text.text)]
    outside = [text.text[a:b] for a, b in list(pairwise(edges))[::2]]
    return outside, parts(text, "spans")


def right_article(phrase: str) -> bool:
    article, _, noun = phrase.partition(" ")
    vowel = noun[0].lower() in "aeiou" and not noun.startswith(A_BEFORE_VOWEL)
    return article == ("an" if vowel or noun.startswith(AN_BEFORE_CONSONANT) else "a")


# The data files


def test_there_are_many_templates_attributes_and_terms():
    assert set(REQUIRED) <= set(DOMAINS)
    assert len(TEMPLATES) >= 150
    assert sum(map(len, ATTRIBUTES.values())) >= 120
    assert all(len(group_terms(domain)) >= 20 for domain in EVERY_LEXICON)


def test_the_data_have_no_duplicates():
    terms = [term for domain in EVERY_LEXICON for term in group_terms(domain)]
    for values in (
        TEMPLATES,
        [form.lower() for forms in ATTRIBUTES.values() for form in map(" | ".join, forms)],
        [term.plural.lower() for term in terms],
        [term.singular.lower() for term in terms],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_has_known_slots_and_the_group_first(template):
    slots = re.findall(r"\{(.*?)\}", template)
    assert set(slots) <= GROUP_SLOTS | set(ATTRIBUTE_SLOTS)
    assert slots[0] in GROUP_SLOTS
    assert any(slot in ATTRIBUTE_SLOTS for slot in slots)
    assert not re.search(r"\b(he|she|his|her|hers|him|himself|herself)\b", template, re.IGNORECASE)
    for before, slot in re.findall(r"(^|.{2})\{(.*?)\}", template):
        if slot in GROUP_SLOTS:
            assert slot[0].isupper() == (before == "" or before[0] in ".!?"), template


def test_attributes_have_the_forms_of_their_kind():
    for adjective in ATTRIBUTES["adjective"] + ATTRIBUTES["modal"]:
        assert len(adjective) == 1
    for plural, singular in ATTRIBUTES["noun"]:
        assert plural != strip_article(singular)
        assert right_article(singular)
    for plural, singular, gerund in ATTRIBUTES["verb"]:
        (base, *rest), (third, *rest3), (ing, *rest_ing) = (
            form.split() for form in (plural, singular, gerund)
        )
        assert rest == rest3 == rest_ing
        assert base != third
        assert third.endswith("s")
        assert ing.endswith("ing")


@pytest.mark.parametrize("term", [t for d in EVERY_LEXICON for t in group_terms(d)], ids=str)
def test_articles_fit_the_term_and_its_neutral_words(term):
    assert term.plural != strip_article(term.singular)
    assert len(term.neutral_plural) == len(term.neutral_singular) >= 2
    for phrase in (term.singular, *term.neutral_singular):
        assert right_article(phrase), phrase


def test_the_default_neutral_words():
    for domain in DOMAINS:
        for term in group_terms(domain):
            assert (term.neutral_plural[0], term.neutral_singular[0]) == ("people", "a person")
    for term in group_terms(CONTROL):
        assert (term.neutral_plural[0], term.neutral_singular[0]) == ("things", "a thing")


# The texts


@pytest.mark.parametrize("domain", EVERY_LEXICON)
def test_a_domain_has_many_unique_texts(domain):
    texts = builtin_texts(domain)
    assert len({text.text for text in texts}) == len({text.id for text in texts}) == len(texts)
    assert len(texts) >= 1_500
    assert texts[12].id == f"builtin:{domain}:0012"
    assert {text.domain for text in texts} == {domain}


@pytest.mark.parametrize("domain", EVERY_LEXICON)
def test_spans_are_the_attributes_and_mentions_the_group(domain):
    attributes = {
        strip_article(form) if (kind, number) == ("noun", 1) else form
        for kind, lines in ATTRIBUTES.items()
        for forms in lines
        for number, form in enumerate(forms)
    }
    by_group = {
        group: surface_forms(tuple(t for t in group_terms(domain) if t.group == group))
        for group in {term.group for term in group_terms(domain)}
    }
    for text in builtin_texts(domain):
        assert text.spans
        assert set(parts(text, "spans")) <= attributes
        assert text.group is not None
        for mention, words in zip(text.mentions, parts(text, "mentions"), strict=True):
            before = text.text[: mention.start]
            if before == "" or before[-2:] in (". ", "! ", "? "):
                assert words[0].isupper()
                assert all(neutral[0].isupper() for neutral in mention.neutral)
                assert words in by_group[text.group] or (
                    words[0].lower() + words[1:] in by_group[text.group]
                )
            else:
                assert words in by_group[text.group]
                assert mention.neutral[0].islower()


@pytest.mark.parametrize("domain", EVERY_LEXICON)
def test_the_mention_comes_before_the_spans_between_spaces_or_punctuation(domain):
    for text in builtin_texts(domain):
        assert text.mentions[0].end <= text.spans[0].start
        for part in (*text.spans, *text.mentions):
            around = text.text[max(part.start - 1, 0) : part.start] + text.text[part.end :][:1]
            assert not re.search(r"[\w'-]", around), text.text


@pytest.mark.slow
@pytest.mark.parametrize("domain", EVERY_LEXICON)
def test_a_neutral_text_names_no_group_and_changes_nothing_else(domain):
    own, all_groups = mentions_any(group_terms(domain)), mentions_any(group_terms())
    for text in builtin_texts(domain):
        outside, _ = frame(text)
        for choice in range(max(len(mention.neutral) for mention in text.mentions)):
            words = [m.neutral[choice % len(m.neutral)] for m in text.mentions]
            neutral = text.replace_mentions(words).text
            assert not own.search(neutral), neutral
            pattern = "(.+)".join(map(re.escape, outside))
            assert re.fullmatch(pattern, neutral)
        assert not all_groups.search(text.counterfactual().text), text.counterfactual().text


def test_there_is_no_doubled_word_or_wrong_article_in_a_text():
    for text in [*builtin_texts(), *builtin_texts(CONTROL)]:
        for words in (text.text, text.counterfactual().text):
            assert not re.search(r"\b(\w+) \1\b|  |[{}|]| [.,!?]", words), words
            for phrase in re.findall(r"\b[Aa]n? [\w-]+", words):
                assert right_article(phrase[0].lower() + phrase[1:]), words


# Order


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), domain=st.sampled_from(EVERY_LEXICON))
def test_a_seed_determines_the_texts(seed, domain):
    assert builtin_texts(domain, seed=seed) == builtin_texts(domain, seed=seed)
    here, there = builtin_texts(domain, seed=seed), builtin_texts(domain, seed=seed + 1)
    assert [text.text for text in here] != [text.text for text in there]
    assert not {text.id for text in here} & {text.id for text in there}


@pytest.mark.processes
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_texts_do_not_depend_on_the_process(hash_seed):
    program = """
from fairforget.corpora.builtin import builtin_texts
print(*(text.text for text in builtin_texts(seed=7, limit=500)), sep="\\n")
"""
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert elsewhere.splitlines() == [text.text for text in builtin_texts(seed=7, limit=500)]


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10),
    domain=st.sampled_from(EVERY_LEXICON),
    length=st.integers(1, 2_400),
)
def test_any_prefix_is_balanced_over_terms(seed, domain, length):
    terms = group_terms(domain)
    term_of = {form.lower(): term.plural for term in terms for form in surface_forms((term,))}
    texts = builtin_texts(domain, seed=seed)[:length]
    counts = Counter(term_of[parts(text, "mentions")[0].lower()] for text in texts)
    rounds = length // len(terms)
    assert all(rounds <= counts[term.plural] <= rounds + 1 for term in terms)


def test_any_prefix_of_all_domains_is_balanced_over_domains_and_reaches_every_group():
    texts = builtin_texts()
    assert len({text.id for text in texts}) == len(texts)
    assert {text.id for text in texts} == {
        text.id for domain in DOMAINS for text in builtin_texts(domain)
    }
    for length in (9, 90, 900, 2_003):
        counts = Counter(text.domain for text in texts[:length])
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == len(DOMAINS)
    reached = {(text.domain, text.group) for text in texts[:1_500]}
    assert reached == {(term.domain, term.group) for term in group_terms()}
    neighbours = pairwise(texts[:900])
    assert sum(frame(here) == frame(there) for here, there in neighbours) == 0


def test_every_template_and_attribute_is_used():
    texts = builtin_texts("religion", limit=600)
    openings = {template.split("{")[0] for template in TEMPLATES}
    assert {text.text[: text.mentions[0].start] for text in texts} == openings
    used = {words for text in texts for words in parts(text, "spans")}
    for kind in ("adjective", "modal"):
        assert {form for (form,) in ATTRIBUTES[kind]} <= used


@pytest.mark.parametrize("domain", DOMAINS)
def test_controls_have_the_templates_and_attributes_of_the_domain(domain):
    for control, text in zip(builtin_texts(CONTROL), builtin_texts(domain), strict=True):
        assert frame(control) == frame(text)


@pytest.mark.parametrize("domain", [None, "race"])
def test_a_limit_keeps_the_first_texts(domain):
    assert builtin_texts(domain, limit=50) == builtin_texts(domain)[:50]
    assert builtin_texts(CONTROL, limit=50) == builtin_texts(CONTROL)[:50]


# Bad input


@pytest.mark.parametrize("call", [builtin_texts, group_terms])
def test_an_unknown_domain_names_the_known_ones(call):
    with pytest.raises(InputError, match=f"'weather'.*{', '.join(DOMAINS)}"):
        call("weather")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_1_is_refused(limit):
    for domain in (None, CONTROL):
        with pytest.raises(InputError, match=f"limit.*{limit}"):
            builtin_texts(domain, limit=limit)
