"""Neutral words for one mention of a group: "an Iraqi" → "a person", "Iraqi men" → "men".

The words around a term, listed in `neutral.toml`, show its part of speech. If they do not, no word
fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from fairforget.benchmarks.stereoset.families import Family, syntax
from fairforget.corpora.builtin.lexicon import match_case

_PLACES = "country|nation|land|state|place|island|continent|region|kingdom"
_WORD = re.compile(r"[\w’']+(?:-\w+)*")
_WORDS_BEFORE = 4
"""Words in which to look for the determiner of a noun."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A range of characters, and its replacement."""

    start: int
    end: int
    new: str


def find_words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [word.group().lower().replace("’", "'") for word in _WORD.finditer(text)]


def find_mentions(text: str, family: Family) -> list[re.Match[str]]:
    """Return the mentions of a group, in order; groups `form` and `possessive`."""
    return [*_pattern(frozenset(family.forms)).finditer(text)] if family.forms else []


def change_mention(text: str, mention: re.Match[str], family: Family) -> Replacement | None:
    """Return the replacement of a mention; None if no word fits."""
    before = find_words(re.split(r"[.!?;:]", text[: mention.start()])[-1])[-_WORDS_BEFORE:]
    after = re.match(r" +([\w’']+)", text[mention.end() :])
    following = after[1].lower().replace("’", "'") if after else ""
    hyphens = text[mention.start() - 1 : mention.start()] + text[mention.end() : mention.end() + 1]
    if {*before[-1:]} & syntax("before") or set(hyphens) & {"-", "/"}:
        return None
    kind = family.forms[mention["form"].lower()]
    is_noun = bool(mention["possessive"]) or _ends_phrase(before, following)
    if kind == "name":
        return _change_name(text, mention, family) if is_noun else None
    if kind == "adjective" and not is_noun:
        if {*before[-1:]} & {"and", "or", "half", "non"} or following in syntax("origin"):
            return None
        return Replacement(mention.start(), mention.end() + 1, "")  # with the space after it
    if kind != "plural":
        number = _find_number(mention["form"].lower(), kind, before, following)
        if number is None:
            return None
        kind = number
    word = family.neutral[kind]
    if word == "person" and {*before[-1:]} <= {"a", "an"} and {*before[-2:-1]} & syntax("roles"):
        return None
    return Replacement(*mention.span(), f"{word}'s" if mention["possessive"] else word)


def _ends_phrase(before: list[str], following: str) -> bool:
    """Whether no noun follows a term, which then is one itself."""
    if not following or following in syntax("following") or following.endswith("ed"):
        return True
    # "a Russian eats": no plural noun follows "a"
    return bool({*before[-2:]} & syntax("one") and re.search(r"[^sui]s$", following))


def _change_name(text: str, mention: re.Match[str], family: Family) -> Replacement | None:
    start = mention.start()
    if not syntax("names").isdisjoint(find_words(text)):
        return None
    of_place = re.search(rf"\b(?:{_PLACES})( of) $", text[:start], re.IGNORECASE)
    if of_place and not mention["possessive"]:
        return Replacement(of_place.start(1), mention.end(), "")  # "the country of Chad is"
    if re.search(r"\bthe $", text[:start], re.IGNORECASE):
        start -= len("the ")
    return Replacement(
        start, mention.end(), f"the {family.neutral['name']}{mention['possessive'] or ''}"
    )


def _find_number(
    form: str, kind: str, before: list[str], following: str
) -> Literal["singular", "plural"] | None:
    """Return the number of a noun without -s; None if it is none: "he is Russian", "in Russian"."""
    if {*before[-1:]} & syntax("predicative") or (
        kind == "singular" and following in syntax("after")
    ):
        return None
    determiner = next((word for word in reversed(before) if _bounds_phrase(word)), "of")
    if determiner in syntax("boundaries") and determiner not in syntax("singular"):
        return None
    is_plural = following in syntax("plural_verbs") or form.endswith(("ese", "ish", "ch"))
    return "plural" if kind == "adjective" and determiner == "the" and is_plural else "singular"


def _bounds_phrase(word: str) -> bool:
    return word in syntax("boundaries") or word in syntax("singular") or word.endswith("'s")


def apply(text: str, change: Replacement) -> str:
    """Return the changed text, with a capital where a sentence starts and an article that fits."""
    before, after, new = text[: change.start], text[change.end :], change.new
    opens = not before.strip() or before.rstrip(" \"'“‘([")[-1:] in ".!?"
    if opens and new:
        new = match_case(text[change.start], new)
    elif opens and after:
        after = match_case(text[change.start], after)
    following = (new + after).lstrip()
    article = re.search(r"\b([Aa])n? $", before)
    if article and following:
        letter = "n" if re.match(r"[aeio]|u(?!ni|s)", following, re.IGNORECASE) else ""
        before = f"{before[: article.start()]}{article[1]}{letter} "
    if not following.strip(".!?"):
        before = before.rstrip(" ")
    return before + new + after


@cache
def _pattern(forms: frozenset[str]) -> re.Pattern[str]:
    longest = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    return re.compile(
        rf"(?<![\w-])(?P<form>{longest})(?P<possessive>['’]s?(?!\w))?(?!\w)", re.IGNORECASE
    )
