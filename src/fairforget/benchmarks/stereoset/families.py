"""The words for each group in StereoSet, and the neutral words for them, from `neutral.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from fairforget.benchmarks.stereoset.pronouns import GENDERS

Kind = Literal["name", "adjective", "singular", "plural"]


@dataclass(frozen=True, slots=True)
class Family:
    """The words for one group, and their neutral replacements."""

    forms: Mapping[str, Kind]
    """Lower-case form → what it is. Empty for a group whose term is a pronoun."""
    neutral: Mapping[Kind, str]
    """Name, singular and plural → the neutral word."""
    gender: str | None = None
    """A key of `GENDERS`, if the term names a gender."""


def find_family(term: str) -> Family | None:
    """Return the words for a target term; None if there are no neutral words for it."""
    return _families().get(term.lower())


@cache
def neutral_words() -> frozenset[str]:
    """Return the neutral words for all groups, in lower case."""
    return frozenset(word for family in _families().values() for word in family.neutral.values())


def paraphrases(name: str | None) -> Mapping[str, str]:
    """Return default neutral word → another one; empty for None."""
    words: dict[str, str] = _table()["paraphrases"][name] if name else {}
    return words


@cache
def syntax(name: str) -> frozenset[str]:
    """Return a list of words that show the part of speech of a term next to them."""
    return frozenset(_table()["syntax"][name])


def names_gender(words: set[str], gender: str) -> bool:
    """Return whether one of the lower-case words names a gender."""
    return not words.isdisjoint(_table()["gender"][gender])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("neutral.toml").read_text("utf-8"))


@cache
def _families() -> dict[str, Family]:
    """Return lower-case form or term → its family."""
    families: dict[str, Family] = {}
    for neutral, nouns in _table()["nouns"].items():
        for noun in map(str.lower, nouns):
            family = _noun_family(noun, neutral)
            families |= dict.fromkeys(family.forms, family)
    for neutral, lines in _table()["groups"].items():
        for line in lines:
            family = _group_family(line.lower(), neutral)
            families |= dict.fromkeys(family.forms, family)
            adjectives = [form for form, kind in family.forms.items() if kind == "adjective"]
            families |= {f"{form} people": family for form in adjectives}
    for gender, pronouns in GENDERS.items():
        families |= dict.fromkeys(pronouns, Family({}, {}, gender))
    return families


def _noun_family(noun: str, neutral: str) -> Family:
    plural = _table()["plurals"].get(neutral, f"{neutral}s")
    return Family(
        {noun: "singular", _plural(noun): "plural"},
        {"singular": neutral, "plural": plural},
        _gender(noun),
    )


def _group_family(line: str, neutral: str) -> Family:
    names, adjectives, nouns = (_split(part) for part in f"{line} |".split("|")[:3])
    forms: dict[str, Kind] = dict.fromkeys(names, "name")
    forms |= dict.fromkeys(adjectives, "adjective")
    forms |= dict.fromkeys(nouns, "singular")
    forms |= {f"{form}s": "plural" for form in _countable([*adjectives, *nouns])}
    words: dict[Kind, str] = {"name": neutral, "singular": "person", "plural": "people"}
    return Family(forms, words, _gender(adjectives[0]))


def _split(part: str) -> list[str]:
    return [form for form in map(str.strip, part.split(",")) if form]


def _countable(forms: list[str]) -> Iterator[str]:
    """Adjectives such as "Japanese" and "Polish" have no plural."""
    return (form for form in forms if not form.endswith(("s", "ese", "sh", "ch")))


def _gender(word: str) -> str | None:
    return next((name for name, words in _table()["gender"].items() if word in words), None)


def _plural(noun: str) -> str:
    if noun.endswith("man"):
        return f"{noun[:-2]}en"
    if noun.endswith("person"):
        return f"{noun[:-6]}people"
    if noun in ("wife", "midwife"):
        return f"{noun[:-2]}ves"
    if noun.endswith("y") and noun[-2] not in "aeou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
