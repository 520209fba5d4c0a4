"""Words that name groups, in running text: protected from selection, and mentions to neutralise.

The terms are those of the built-in corpus, in every number, and more words for the same groups.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from fairforget.corpora.builtin import group_terms
from fairforget.corpora.builtin.lexicon import strip_article
from fairforget.corpora.text import Mention
from fairforget.selection.words import split_words

Forms = tuple[str, ...]

PEOPLE: Forms = ("people", "individuals")
PERSON: Forms = ("person", "individual")
HUMAN: Forms = ("human",)
MODIFYING = ("race", "religion", "nationality", "sexuality")
"""Domains whose nouns stand before other nouns as well: a Muslim, Muslim lives."""
MISSPELT = 5
"""Letters of a term from which on one wrong letter still is a mention of it."""


@cache
def _words(kind: str) -> Forms:
    """A list of identity.toml."""
    lists = tomllib.loads(files(__package__).joinpath("identity.toml").read_text("utf-8"))
    return tuple(lists[kind])


@cache
def _nouns() -> dict[str, Forms]:
    """Lower-case noun phrase, without article → what would stand there for anyone."""
    nouns: dict[str, Forms] = {}
    for term in group_terms():
        nouns.setdefault(term.plural.lower(), term.neutral_plural)
        nouns.setdefault(
            strip_article(term.singular).lower(),
            tuple(map(strip_article, term.neutral_singular)),
        )
    for word in _words("plurals"):
        nouns.setdefault(word, PEOPLE)
    for word in _words("singulars"):
        nouns.setdefault(word, PERSON)
    return nouns


@cache
def _adjectives() -> frozenset[str]:
    """Words that make a group of any noun: black, gay, British."""
    found = set(_words("adjectives"))
    for domain in MODIFYING:
        nouns = (strip_article(term.singular).lower() for term in group_terms(domain))
        found.update(
            noun
            for noun in nouns
            if not noun.endswith((*_words("heads"), *_words("cannot_modify")))
        )
    for noun in _nouns():
        first, _, head = noun.partition(" ")
        if head in _words("heads") and first not in _words("plain_adjectives"):
            found.add(first)
    return frozenset(found)


@cache
def _group_words() -> frozenset[str]:
    """Plain words that name groups."""
    single = {noun for noun in _nouns() if " " not in noun}
    return frozenset({*single, *_adjectives(), *_words("abstract")})


@cache
def _long_terms() -> frozenset[str]:
    """Terms that may be misspelt."""
    return frozenset(term for term in _group_words() if len(term) >= MISSPELT and term.isalpha())


@cache
def _longest_term() -> int:
    """Letters of the longest of them."""
    return max(map(len, _long_terms()))


@cache
def _phrase() -> re.Pattern[str]:
    """Any noun phrase, or an adjective before a noun, the longest that fits."""
    both = sorted({*_nouns(), *_adjectives()}, key=len, reverse=True)
    return re.compile(
        rf"(?<![\w-])(?:(?P<article>an?)\s+)?(?P<term>{'|'.join(map(re.escape, both))})"
        rf"(?P<possessive>['’](?=\s))?(?![\w-])(?=\s+(?P<next>[\w’']+)|)",
        re.IGNORECASE,
    )


def identity_ranges(text: str) -> list[tuple[int, int]]:
    """Characters that name a group, in leetspeak or not; in order, not overlapping."""
    ranges = [match.span("term") for match in _phrase().finditer(text)]
    ranges += [(w.start, w.end) for w in split_words(text) if w.plain in _group_words()]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


def is_between(
    text: str, place: tuple[int, int], named: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The parts of a place that name no group, without the blanks around them.

    Args:
        text: any text.
        place: characters of it, start and end (exclusive).
        named: its `identity_ranges`.
    """
    at, end = place
    for first, last in [*(n for n in named if n[0] < end and at < n[1]), (end, end)]:
        part = text[at : max(at, first)]
        if re.search(r"\w", part):
            start = at + len(part) - len(part.lstrip())
            yield start, start + len(part.strip())
        at = max(at, last)


def is_protected(word: str) -> bool:
    """Whether a plain word names a group or anyone, so that it is never harmful in itself."""
    return word in _group_words() or word in _words("anyone")


@lru_cache(maxsize=1 << 16)
def is_misspelt_identity(word: str) -> bool:
    """Whether a plain word, which is no word, is a group's name with one wrong letter."""
    fits = MISSPELT - 1 <= len(word) <= _longest_term() + 1
    return fits and not _long_terms().isdisjoint(_near(word))


def mentions_of(text: str) -> tuple[Mention, ...]:
    """The mentions of groups, each with neutral words that fit in number, case and article."""
    found = (_mention(text, match) for match in _phrase().finditer(text))
    return tuple(mention for mention in found if mention)


def _mention(text: str, match: re.Match[str]) -> Mention | None:
    term = match["term"].lower()
    modifies = bool(match["next"]) and match["next"].lower() not in _words("after_noun")
    if term in _adjectives() and (modifies or term not in _nouns()):
        if not modifies:  # "is he gay?"
            return None
        neutral: Forms = HUMAN
    elif term in _nouns():
        neutral = _nouns()[term]
    else:  # with a letter that stands for itself alone, such as a dotless i
        return None
    start, end = match.span()
    if match["possessive"] and not term.endswith("s"):  # a closing quote
        end -= 1
    elif match["possessive"]:
        neutral = tuple(f"{words}'s" for words in neutral)
    if match["article"]:
        neutral = tuple(f"{_article(words)} {words}" for words in neutral)
    shown = text[start:end]
    if shown.isupper() and len(shown) > 1:
        neutral = tuple(words.upper() for words in neutral)
    elif shown[0].isupper() and _opens_sentence(text, start):
        neutral = tuple(words[0].upper() + words[1:] for words in neutral)
    return Mention(start, end, neutral)


def _article(words: str) -> str:
    return "an" if words[0] in "aeio" else "a"


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t'\"“‘([")
    return not before or before[-1] in ".!?:\n"


def _near(word: str) -> Iterator[str]:
    """What the word may have been meant to be: a letter more, or two swapped, or another one."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for at in range(1, len(word)):
        for letter in letters:
            yield word[:at] + letter + word[at:]
            yield word[:at] + letter + word[at + 1 :]
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
