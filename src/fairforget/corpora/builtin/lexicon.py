"""Group terms by bias domain, each with the neutral words that can replace it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fairforget.errors import InputError

CONTROL = "control"
"""Domain of objects, weather and food: no protected groups."""


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """A noun or noun phrase for the members of a group, as written within a sentence."""

    domain: str
    group: str
    plural: str
    """Such as "Arabs" or "deaf people"."""
    singular: str
    """With its article: "an Arab", "a deaf person"."""
    neutral_plural: tuple[str, ...]
    """Neutral replacements, the default first: "people", "individuals"."""
    neutral_singular: tuple[str, ...]
    """The same in the singular, with articles: "a person", "an individual"."""

    @property
    def forms(self) -> tuple[str, str, str]:
        """The plural, and the singular with and without its article."""
        return self.plural, self.singular, strip_article(self.singular)


def strip_article(singular: str) -> str:
    """Return the noun without its article: "a person" → "person"."""
    article, _, noun = singular.partition(" ")
    if article not in ("a", "an") or not noun:
        raise ValueError(f"{singular!r} does not start with its article")
    return noun


def match_case(example: str, words: str) -> str:
    """Return the words, capitalised if the example is."""
    return words[0].upper() + words[1:] if example[0].isupper() else words


def group_terms(domain: str | None = None) -> tuple[GroupTerm, ...]:
    """Return the terms of one domain, or of all in `DOMAINS`; "control" returns the control terms.

    Raises:
        InputError: the built-in corpus has no such domain.
    """
    if domain is None:
        return tuple(term for known in DOMAINS for term in group_terms(known))
    terms = _read_terms("controls.toml" if domain == CONTROL else "groups.toml")
    if domain not in terms:
        raise InputError(
            f"the built-in corpus has no domain {domain!r}; choose from {', '.join(DOMAINS)}"
        )
    return terms[domain]


def terms_by_group(domain: str) -> dict[str, list[GroupTerm]]:
    """Return the terms of each group of a domain, in order.

    Raises:
        InputError: as `group_terms`.
    """
    groups: dict[str, list[GroupTerm]] = {}
    for term in group_terms(domain):
        groups.setdefault(term.group, []).append(term)
    return groups


def read_data(name: str) -> dict[str, Any]:
    """Return the content of a TOML file of this package."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def _read_terms(name: str) -> dict[str, tuple[GroupTerm, ...]]:
    """Return the terms of a file by domain, in file order."""
    data = read_data(name)
    neutral = [_split_forms(line) for line in data.pop("neutral")]
    return {
        domain: tuple(
            _make_term(domain, group, _split_forms(line), neutral)
            for group, lines in groups.items()
            for line in lines
        )
        for domain, groups in data.items()
    }


def _make_term(domain: str, group: str, forms: list[str], neutral: list[list[str]]) -> GroupTerm:
    plural, singular, *specific = forms
    replacements = [*neutral, specific] if specific else neutral
    plurals, singulars = zip(*replacements, strict=True)
    return GroupTerm(domain, group, plural, singular, plurals, singulars)


def _split_forms(line: str) -> list[str]:
    return line.split(" | ")


DOMAINS: tuple[str, ...] = tuple(_read_terms("groups.toml"))
"""The bias domains of the built-in corpus."""
