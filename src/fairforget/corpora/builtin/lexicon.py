"""Words for groups of people, by bias domain, each with the neutral words that can replace it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fairforget.errors import InputError

CONTROL = "control"
"""The domain of objects, weather and food, which are no protected group."""


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """One noun or noun phrase for the members of a group, in the middle of a sentence."""

    domain: str
    group: str
    plural: str
    """Such as "Arabs" or "deaf people"."""
    singular: str
    """With its article: "an Arab", "a deaf person"."""
    neutral_plural: tuple[str, ...]
    """What would stand there for anyone, the default first: "people", "individuals"."""
    neutral_singular: tuple[str, ...]
    """The same in the singular, with articles: "a person", "an individual"."""


def strip_article(singular: str) -> str:
    """The noun of "a person" or "an Arab": "person", "Arab"."""
    article, _, noun = singular.partition(" ")
    if article not in ("a", "an") or not noun:
        raise ValueError(f"{singular!r} does not start with its article")
    return noun


def match_case(example: str, words: str) -> str:
    """The words with a capital where the example has one."""
    return words[0].upper() + words[1:] if example[0].isupper() else words


def group_terms(domain: str | None = None) -> tuple[GroupTerm, ...]:
    """The terms of one domain, or of all in `DOMAINS`; `"control"` gives those of the controls.

    Raises:
        InputError: if the package has no such domain.
    """
    if domain is None:
        return tuple(term for known in DOMAINS for term in group_terms(known))
    terms = _terms("controls.toml" if domain == CONTROL else "groups.toml")
    if domain not in terms:
        raise InputError(
            f"the built-in corpus has no domain {domain!r}; choose from {', '.join(DOMAINS)}"
        )
    return terms[domain]


def read_data(name: str) -> dict[str, Any]:
    """The content of one of this package's TOML files."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def _terms(name: str) -> dict[str, tuple[GroupTerm, ...]]:
    """The terms of a file by domain, in the order of the file."""
    data = read_data(name)
    anyone = [_forms(line) for line in data.pop("neutral")]
    return {
        domain: tuple(
            _term(domain, group, _forms(line), anyone)
            for group, lines in groups.items()
            for line in lines
        )
        for domain, groups in data.items()
    }


def _term(domain: str, group: str, forms: list[str], anyone: list[list[str]]) -> GroupTerm:
    plural, singular, *specific = forms
    neutral = [*anyone, specific] if specific else anyone
    plurals, singulars = zip(*neutral, strict=True)
    return GroupTerm(domain, group, plural, singular, plurals, singulars)


def _forms(line: str) -> list[str]:
    return line.split(" | ")


DOMAINS: tuple[str, ...] = tuple(_terms("groups.toml"))
"""The bias domains of the built-in corpus."""
