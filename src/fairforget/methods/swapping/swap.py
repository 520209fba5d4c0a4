"""Counterfactual texts: every group word is replaced by that of another group of its domain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from fairforget.corpora.builtin.lexicon import DOMAINS, match_case
from fairforget.methods.swapping.gender import begins_noun_phrase, gender_words, other_gender
from fairforget.methods.swapping.groups import (
    ADJECTIVE,
    NOT_BEFORE_NOUNS,
    SINGULAR,
    Exchange,
    known_forms,
)
from fairforget.selection.words import opens_sentence

GENDER = "gender"
VOWEL_SOUND = re.compile(r"(?!eu)[aeio]|un(?!i)|upper|uzbek|heir|hour|lgbt", re.IGNORECASE)
"""Matches the start of words that take "an"."""

STARTS_NAME = re.compile(r"\s+[A-Z\d]")
"""Matches what follows an adjective that is part of a name: the European Union."""
WITHIN_NAME = re.compile(
    r"\b(?:north|south|east|west|central|latin|native|african|anglo)(?:ern)?[\s-]$", re.IGNORECASE
)
"""Matches what precedes a word that is part of a longer name: a North Korean."""
LONGEST_BEFORE = 12
"""Characters before a word that are searched for it."""
Ranges = list[tuple[int, int]]
"""Starts and ends of parts of a text."""


def swap(text: str, domain: str | None = None, *, seed: int = 0) -> str:
    """Return the text with its group words swapped, or the same text if it has none.

    Gendered words have fixed counterparts (`gender.toml`): "He saw her." → "She saw him.". First
    names do not change. In the other domains, each group of the lexicon is replaced by another
    one, drawn for each text: "A Muslim school" → "A Jewish school". An adjective before a
    capitalised word, and a capitalised noun within a sentence, count as parts of names and do not
    change: "the European Union", "Natalie and Monk"; nor does a word in a longer name, such as
    "North Korean", or "diabetic" before a noun. Case is preserved, and "a" and "an" are adapted.

    Args:
        text: any text.
        domain: a domain of the built-in lexicon; None for all domains.
        seed: seed of the draw, together with the text.

    Raises:
        InputError: the domain is unknown.
    """
    domains = DOMAINS if domain is None else (domain,)
    swapped: Ranges = []
    if GENDER in domains:
        text, swapped = _swap_gender(text)
    others = tuple(known for known in domains if known != GENDER)
    return _swap_groups(text, others, seed, swapped) if others else text


def _swap_gender(text: str) -> tuple[str, Ranges]:
    """Swap gendered words; return the text and where it has the replacements."""
    swapped: Ranges = []
    longer = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal longer
        word = match["words"]
        other = other_gender(word.lower().replace("’", "'"), text[match.end() :])
        if other is None:
            return match[0]
        other = other.replace("'", "’") if "’" in word else other
        replacement = _fit_article(match, _with_case(word, other))
        start = match.start() + longer
        swapped.append((start, start + len(replacement)))
        longer += len(replacement) - len(match[0])
        return replacement

    return _gender_pattern().sub(replace, text), swapped


def _swap_groups(text: str, domains: tuple[str, ...], seed: int, swapped: Ranges) -> str:
    """Swap the groups of some domains in one pass, so that no replacement is replaced again.

    Args:
        text: any text.
        domains: those to swap.
        seed: as for `swap`.
        swapped: where the text has replacements already, such as "actor" for "actress".
    """
    exchanges = {domain: Exchange(domain, f"{domain} {seed} {text}") for domain in domains}
    spellings = _spellings(domains)

    def replace(match: re.Match[str]) -> str:
        start = match.start("words")
        if any(low <= start and match.end() <= high for low, high in swapped):
            return match[0]
        if WITHIN_NAME.search(text[max(0, start - LONGEST_BEFORE) : start]):
            return match[0]
        domain, known = spellings[match["words"]]
        forms = {form.kind: form for form in known_forms(domain)[known]}
        precedes_noun = begins_noun_phrase(text[match.end() :])
        if known in NOT_BEFORE_NOUNS and precedes_noun:
            return match[0]
        if {ADJECTIVE, SINGULAR} <= forms.keys():
            wanted = ADJECTIVE if precedes_noun else SINGULAR
        else:
            wanted = min(forms)
        opens = opens_sentence(text, start)
        if wanted == ADJECTIVE and STARTS_NAME.match(text, match.end()):
            return match[0]
        if match["words"] == match_case("A", known) != known and " " not in known and not opens:
            return match[0]
        words = exchanges[domain].replace(forms[wanted])
        if match["words"] != known or opens:
            words = _with_case(match["words"], words)
        return _fit_article(match, words)

    return _pattern(domains).sub(replace, text)


def _with_case(example: str, words: str) -> str:
    """Return the words in the case of the words that they replace."""
    if example.isupper():
        return words.upper()
    return match_case(example, words)


def _fit_article(match: re.Match[str], words: str) -> str:
    """Return the replacement, with the fitting indefinite article if there was one."""
    if not match["article"]:
        return words
    article = "an" if VOWEL_SOUND.match(words) else "a"
    return match_case(match["article"], article) + match["space"] + words


@cache
def _gender_pattern() -> re.Pattern[str]:
    words = gender_words()
    return _compile({*words, *(word.replace("'", "’") for word in words)}, re.IGNORECASE)


@cache
def _pattern(domains: tuple[str, ...]) -> re.Pattern[str]:
    return _compile(_spellings(domains))


def _compile(words: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(
        r"(?<![\w-])(?:(?P<article>[Aa]n?)(?P<space>\s+))?"
        rf"(?P<words>{'|'.join(map(re.escape, longest_first))})(?![\w-])",
        flags,
    )


@cache
def _spellings(domains: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return spelling → domain and words of the lexicon, with capitalised and upper-case spellings.

    Names of groups in lower case are recognised only in phrases: "black people", but not "polish".
    """
    spellings: dict[str, tuple[str, str]] = {}
    for domain in domains:
        for words in known_forms(domain):
            variants = [words, match_case("A", words), words.upper()]
            for variant in [*variants, words.lower()] if " " in words else variants:
                spellings.setdefault(variant, (domain, words))
    return spellings
