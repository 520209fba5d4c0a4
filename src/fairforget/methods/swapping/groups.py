"""Words of another group of a domain, from the built-in lexicon: Muslims → Hindus."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from fairforget.corpora.builtin.lexicon import (
    GroupTerm,
    group_terms,
    strip_article,
    terms_by_group,
)

WITH_ADJECTIVES = ("race", "religion", "nationality")
"""Domains with words that also modify other nouns, and are exchanged there: a Muslim school.

Of sexuality, this would be "LGBT" alone, which has no other such word to be exchanged for.
"""
HEADS = (" people", " person", " men", " man", " women", " woman")
NOUNS_ONLY = frozenset(
    (
        *("Dane", "Finn", "Irish Traveller", "Kurd", "New Zealander", "Pacific Islander"),
        *("Slav", "Swede", "Jew", "Hasidic Jew", "Orthodox Jew", "Jehovah's Witness"),
    )
)
"""Nouns that cannot modify another noun."""
ANOTHER_MEANING = frozenset(("Black", "Roma"))
"""Words that, before a noun, mostly do not name a group: the Black Sea, the Roma team."""
NOT_BEFORE_NOUNS = frozenset(("diabetic",))
"""Nouns that can also modify a noun, where no term of another group fits: a diabetic coma."""
LOWER_CASE = ("biracial", "mixed-race", "secular")
"""Adjectives in lower case that name groups."""

PLURAL, SINGULAR, ADJECTIVE = range(3)


@dataclass(frozen=True, slots=True)
class Form:
    """A term in one of its forms."""

    term: GroupTerm
    kind: int


def adjective_of(term: GroupTerm) -> str | None:
    """Return the form of a term that modifies another noun: "Jewish people" → "Jewish".

    None if there is no such form, as for most terms in lower case: "priests" has none, and the
    adjective of "white people" mostly does not name a group.
    """
    noun = strip_article(term.singular)
    if term.domain not in WITH_ADJECTIVES or noun in NOUNS_ONLY:
        return None
    for head in HEADS:
        noun = noun.removesuffix(head)
    if not (noun[0].isupper() or noun in LOWER_CASE) or noun in ANOTHER_MEANING or " of " in noun:
        return None
    return noun


def form_of(form: Form) -> str:
    """Return the words of a form; without an adjective, those of the singular."""
    noun = strip_article(form.term.singular)
    return (form.term.plural, noun, adjective_of(form.term) or noun)[form.kind]


@cache
def known_forms(domain: str) -> dict[str, tuple[Form, ...]]:
    """Return words → their possible forms: "Muslim" is a noun and an adjective."""
    forms: dict[str, tuple[Form, ...]] = {}
    for term in group_terms(domain):
        for kind in (PLURAL, SINGULAR, ADJECTIVE):
            if kind == ADJECTIVE and adjective_of(term) is None:
                continue
            words = form_of(Form(term, kind))
            known = forms.get(words, ())
            if all(other.kind != kind for other in known):
                forms[words] = (*known, Form(term, kind))
    return forms


class Exchange:
    """The replacement of each term in one text; a term has the same one wherever it occurs."""

    def __init__(self, domain: str, seed: str) -> None:
        """Draw the replacements: each group is replaced by the next one in a random order.

        Groups whose terms can modify nouns replace each other, and so do the other groups. The
        terms of a group without a partner, such as the clergy, replace each other.

        Args:
            domain: a domain of the built-in lexicon.
            seed: seed of the draw.
        """
        self.rng = random.Random(seed)
        self.terms = terms_by_group(domain)
        modifying = {g for g, terms in self.terms.items() if any(map(adjective_of, terms))}
        self.group: dict[str, str] = {}
        for part in (modifying, self.terms.keys() - modifying):
            order = self.rng.sample(sorted(part), len(part))
            self.group |= dict(zip(order, [*order[1:], *order[:1]], strict=True))
        self.term: dict[tuple[GroupTerm, bool], GroupTerm] = {}

    def replace(self, form: Form) -> str:
        """Return the words of the other group in the same form."""
        modifies = form.kind == ADJECTIVE
        key = form.term, modifies
        if key not in self.term:
            others = self.terms[self.group[form.term.group]]
            candidates = [term for term in others if term != form.term]
            if modifies:
                candidates = [term for term in candidates if adjective_of(term)]
            self.term[key] = self.rng.choice(candidates)
        return form_of(Form(self.term[key], form.kind))
