"""Find words that name groups: selectors never select them, and mentions have neutral words.

The terms are those of the built-in corpus, singular and plural, and further words for its groups.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from fairforget.corpora.builtin import group_terms
from fairforget.corpora.builtin.lexicon import strip_article
from fairforget.corpora.text import Mention
from fairforget.selection.ranges import overlapping
from fairforget.selection.words import MARK, opens_sentence, split_words

Forms = tuple[str, ...]

ELISION = r"\d|(?i:s|em|til|cause|cos|cuz|n|tis|twas|bout)\b"
"""What follows an apostrophe that is no quote: "the '90s", "get 'em"."""
OPEN_QUOTE = re.compile(rf"(?<!\w)['‘](?!\s|{ELISION})[^'‘’.!?\n]*\Z")
"""An opening quote that is not closed. What closes it looks like the apostrophe of a possessive."""
LONGEST_QUOTE = 100
"""Characters before a mention in which an opening quote is looked for."""
SPACE = r"(?:(?!\n\s*\n)\s)+"
"""Whitespace between two words of a mention, without a blank line."""
ACRONYMS = ("lgbt", "lgbtq")
"""Terms in capitals whatever the case of the text."""
PEOPLE: Forms = ("people", "individuals")
PERSON: Forms = ("person", "individual")
HUMAN: Forms = ("human",)
MODIFIERS: Forms = ("human", "humans")
"""Neutral words for terms that modify another noun, as in "European Union"."""
MODIFYING = ("race", "religion", "nationality", "sexuality")
"""Domains whose nouns also modify other nouns: a Muslim, Muslim lives."""
INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
"""Zero-width characters inside words, for a character class of a regular expression."""
MIN_LETTERS = 5
"""Shortest term that is recognised with one wrong letter."""


@cache
def _read_words(kind: str) -> Forms:
    """Return a list of identity.toml."""
    lists = tomllib.loads(files(__package__).joinpath("identity.toml").read_text("utf-8"))
    return tuple(lists[kind])


@cache
def _nouns() -> dict[str, Forms]:
    """Return lower-case noun phrase without article → its neutral words."""
    nouns: dict[str, Forms] = {}
    for term in group_terms():
        nouns.setdefault(term.plural.lower(), term.neutral_plural)
        nouns.setdefault(
            strip_article(term.singular).lower(),
            tuple(map(strip_article, term.neutral_singular)),
        )
    for word in _read_words("plurals"):
        nouns.setdefault(word, PEOPLE)
    for word in _read_words("singulars"):
        nouns.setdefault(word, PERSON)
    return nouns


@cache
def _adjectives() -> frozenset[str]:
    """Return adjectives that make any noun a group: black, gay, British."""
    adjectives = set(_read_words("adjectives"))
    unfit = (*_read_words("heads"), *_read_words("cannot_modify"))
    for domain in MODIFYING:
        nouns = (strip_article(term.singular).lower() for term in group_terms(domain))
        adjectives.update(noun for noun in nouns if noun.split()[-1] not in unfit)
    for noun in _nouns():
        first, _, head = noun.partition(" ")
        if head in _read_words("heads") and first not in _read_words("plain_adjectives"):
            adjectives.add(first)
    return frozenset(adjectives)


@cache
def _group_words() -> frozenset[str]:
    """Return single plain words that name groups."""
    single = {noun for noun in _nouns() if " " not in noun}
    return frozenset({*single, *_adjectives(), *_read_words("abstract")})


@cache
def _long_terms() -> frozenset[str]:
    """Return the terms that are recognised when misspelt."""
    return frozenset(term for term in _group_words() if len(term) >= MIN_LETTERS and term.isalpha())


@cache
def _longest_term() -> int:
    """Return the length of the longest of them."""
    return max(map(len, _long_terms()))


@cache
def _phrase() -> re.Pattern[str]:
    """Return a pattern for the longest noun phrase or adjective."""
    both = sorted({*_nouns(), *_adjectives()}, key=len, reverse=True)
    terms = "|".join(SPACE.join(map(re.escape, term.split())) for term in both)
    terms = terms.replace("'", "['’]")
    # an invisible character counts as part of a word only within it
    before = rf"(?<![\w-])(?<!\w[{INVISIBLE}])(?<!\w[{INVISIBLE}]{{2}})(?<!{MARK})"
    after = rf"(?![\w-]|[{INVISIBLE}]+\w|{MARK})"
    return re.compile(
        rf"{before}(?:(?P<article>an?)(?:[^\S\n]+|(?<!(?-i:A)){SPACE}))?(?P<term>{terms})"
        rf"(?P<possessive>['’](?=\s))?{after}(?={SPACE}(?P<next>(?:[\w’']|{MARK})+)|)",
        re.IGNORECASE,
    )


def identity_ranges(text: str) -> list[tuple[int, int]]:
    """Return the characters that name a group, also in leetspeak; in order, without overlap."""
    ranges = [match.span("term") for match in _phrase().finditer(text)]
    ranges += [(w.start, w.end) for w in split_words(text) if w.plain in _group_words()]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


def exclude_groups(
    text: str, span: tuple[int, int], groups: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span that name no group, without surrounding spaces.

    Args:
        text: any text.
        span: start and end (exclusive) of characters of the text.
        groups: its `identity_ranges`, or those of its mentions.
    """
    at, end = span
    for first, last in [*overlapping(groups, at, end), (end, end)]:
        part = text[at : max(at, first)]
        if any(it.isalnum() or unicodedata.category(it) == "So" for it in part):  # or an emoji
            start = at + len(part) - len(part.lstrip())
            yield start, start + len(part.strip())
        at = max(at, last)


def is_protected(word: str) -> bool:
    """Return whether a plain word names a group or people in general, so that it is not harmful."""
    return word in _group_words() or word in _read_words("anyone")


@lru_cache(maxsize=1 << 16)
def is_misspelt_identity(word: str) -> bool:
    """Return whether an unknown word is a group term with one wrong letter."""
    fits = MIN_LETTERS - 1 <= len(word) <= _longest_term() + 1
    return fits and not _long_terms().isdisjoint(_corrections(word))


def mentions_of(text: str) -> tuple[Mention, ...]:
    """Return the mentions of groups, with neutral words in the same number, case and article."""
    mentions = (_make_mention(text, match) for match in _phrase().finditer(text))
    return tuple(mention for mention in mentions if mention)


def _make_mention(text: str, match: re.Match[str]) -> Mention | None:
    term = " ".join(match["term"].lower().replace("’", "'").split())
    following = (match["next"] or "").lower().replace("’", "'")
    modifies = bool(following) and following not in _read_words("after_noun")
    if term in _adjectives() and (modifies or term not in _nouns()):
        if not modifies:  # "is he gay?"
            return None
        neutral: Forms = HUMAN
    elif term in _nouns():
        neutral = _nouns()[term]
    else:  # matched through case folding only, such as a dotless i
        return None
    start, end = match.span()
    is_quoted = OPEN_QUOTE.search(text, max(0, start - LONGEST_QUOTE), start)
    if match["possessive"] and (is_quoted or not term.endswith("s")):  # a closing quote
        end = match.end("term")
    elif match["possessive"]:
        neutral = tuple(f"{word}'" if word.endswith("s") else f"{word}'s" for word in neutral)
    if match["article"]:
        neutral = tuple(f"{_article(word)} {word}" for word in neutral)
    words = text[start:end]
    if words.isupper() and len(words) > 1 and term not in ACRONYMS:
        neutral = tuple(word.upper() for word in neutral)
    elif words[0].isupper() and opens_sentence(text, start):
        neutral = tuple(word[0].upper() + word[1:] for word in neutral)
    return Mention(start, end, neutral)


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"


def _corrections(word: str) -> Iterator[str]:
    """Yield the word with a letter inserted, replaced or swapped with the one before it."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for at in range(1, len(word)):
        for letter in letters:
            yield word[:at] + letter + word[at:]
            yield word[:at] + letter + word[at + 1 :]
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
