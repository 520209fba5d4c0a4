"""Sentences that differ only in the group that they name, to fit erasures on.

The sets follow Liang et al. (2020), "Towards Debiasing Sentence Representations": a sentence that
names a group, and the same sentence with the words for each other group.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress

from fairforget.corpora.builtin.generate import (
    fill_frame,
    make_frame,
    shuffle_attributes,
    shuffled_rounds,
)
from fairforget.corpora.builtin.lexicon import (
    GroupTerm,
    match_case,
    read_data,
    terms_by_group,
)
from fairforget.methods.method import COUNTERPART_FILES
from fairforget.methods.swapping.gender import begins_noun_phrase, other_gender
from fairforget.methods.swapping.groups import NOT_BEFORE_NOUNS
from fairforget.selection.identity import MODIFIERS, mentions_of

SENTENCE_FILES = (
    *COUNTERPART_FILES,
    "corpora/builtin/harmless.toml",
    "selection/identity.toml",
    "methods/group_sentences.py",
)
"""Files, as paths in FairForget's package, that decide which sentences a method is fitted on."""
MAX_SENTENCES = 1_000
"""Maximum number of sentences of a domain, including the swapped ones."""
MAX_GROUPS = 10
"""Maximum number of groups of a domain, the most frequent ones; only nationality has more."""
MAX_WORDS = 40
"""Maximum length of a sentence."""
PRONOUNS = {"women": (("she",), ("herself",)), "men": (("he",), ("himself",))}
"""Group → the pronouns with exactly one counterpart each, as tuples of forms."""
AMBIGUOUS = re.compile(r"\b(?:her|hers|him|his)\b", re.IGNORECASE)
"""Pronouns without a unique counterpart in both directions."""

BARE = 2
"""Index of the singular without its article among the forms of a term."""

Forms = tuple[str, ...]
"""The plural of a term, and its singular with and without the article."""


def short_sentences(texts: Iterable[str]) -> list[str]:
    """Return the sentences of texts that have at most `MAX_WORDS` words."""
    split = (re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) for text in texts)
    return [part for parts in split for part in parts if len(part.split()) <= MAX_WORDS]


def counterfactual_sets(
    sentences: Sequence[str], domain: str, *, seed: int = 0
) -> list[tuple[str, ...]]:
    """Return sets of sentences that differ only in the group that they name.

    If too few of the sentences name a group of the domain, the harmless templates of the built-in
    corpus supply the rest. A term is replaced by the term at the same position in the list of the
    other group, for example "mother" by "father". A sentence is left out if it names several groups
    of the domain; if a capitalised term is in the singular without "a" or "an"; if "diabetic"
    modifies a noun; in race, religion, nationality and sexuality, if any term does; and in gender,
    if it contains *her*, *hers*, *him* or *his*.

    Args:
        sentences: the result of `short_sentences`.
        domain: a domain of the built-in lexicon.
        seed: seed of the choice of sentences.

    Returns:
        [sets][groups] sentences, with the groups in the same order in every set.

    Raises:
        InputError: the domain is unknown.
    """
    terms = _comparable_terms(domain)
    words = {group: _all_forms(domain, group, terms[group]) for group in terms}
    occurrences = _find_terms(sentences, domain, words)
    frequencies = Counter(group for _, group, _ in occurrences)
    groups = sorted(terms, key=lambda group: -frequencies[group])[:MAX_GROUPS]
    rng = random.Random(f"{domain} sentences {seed}")
    rng.shuffle(occurrences)
    count = MAX_SENTENCES // len(groups)
    sets = [
        tuple(_swap(sentence, matches, group, words[other]) for other in groups)
        for sentence, group, matches in occurrences
        if group in groups
    ][:count]
    data = read_data("harmless.toml")
    templates = shuffled_rounds(data.pop("templates"), rng)
    attributes = shuffle_attributes(data, rng)
    while len(sets) < count:
        frame = make_frame(next(templates), attributes)
        place = rng.randrange(max(map(len, terms.values())))
        counterparts = (terms[group][place % len(terms[group])] for group in groups)
        sets.append(tuple(fill_frame("template", frame, term).text for term in counterparts))
    return sets


def _comparable_terms(domain: str) -> dict[str, list[GroupTerm]]:
    """Return the terms of each group; of gender, only those with a counterpart in the same place.

    The lexicon has no counterpart of "actresses": "salesmen" is in its place.
    """
    terms = terms_by_group(domain)
    if domain == "gender":
        women, men = terms.values()
        paired = [*map(_are_counterparts, women, men)]
        terms = {group: [*compress(known, paired)] for group, known in terms.items()}
    return terms


def _are_counterparts(one: GroupTerm, other: GroupTerm) -> bool:
    """Return whether the gendered word of a term, if it is known, has the other as counterpart."""
    last, expected = (term.plural.split()[-1] for term in (one, other))
    return other_gender(last, "") in (None, expected)


def _all_forms(domain: str, group: str, terms: list[GroupTerm]) -> list[Forms]:
    """Return the forms of every term of a group, after its pronouns."""
    pronouns = PRONOUNS[group] if domain == "gender" else ()
    return [*pronouns, *(term.forms for term in terms)]


Match = tuple[int, int, int, int]
"""Start and end in a sentence, the index of the term, and that of its form."""


def _find_terms(
    sentences: Sequence[str], domain: str, words: dict[str, list[Forms]]
) -> list[tuple[str, str, list[Match]]]:
    """Return the sentences that name exactly one group of a domain, the group, and its terms."""
    places = {
        form: (group, term, number)
        for group, terms in reversed(words.items())  # of equal forms, the first counts
        for term, forms in reversed([*enumerate(terms)])
        for number, form in enumerate(forms)
    }
    opening = {match_case("A", form): place for form, place in places.items()}
    longest = sorted({*places, *opening}, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])")
    occurrences = []
    for sentence in sentences:
        if domain == "gender" and AMBIGUOUS.search(sentence):
            continue
        groups, matches = set(), []
        for match in pattern.finditer(sentence):
            place = (places if match.start() else opening).get(match.group())
            if place is None:  # part of a title
                break
            group, term, form = place
            if form == BARE and words[group][term][form][0].isupper():
                break  # usually a language, an adjective or a name: "(Greek: …)", "Finn"
            groups.add(group)
            matches.append((*match.span(), term, form))
        else:
            if len(groups) == 1 and not _modifies(sentence, matches):
                occurrences.append((sentence, groups.pop(), matches))
    return occurrences


def _modifies(sentence: str, matches: list[Match]) -> bool:
    """Return whether one of the terms modifies another noun."""
    mentions = mentions_of(sentence)
    modifying = {m.end for m in mentions if m.word.lower().split()[-1] in MODIFIERS}
    for start, end, *_ in matches:
        noun = sentence[start:end].lower().split()[-1]
        if noun in NOT_BEFORE_NOUNS and begins_noun_phrase(sentence[end:]):
            modifying.add(end)
    return any(end in modifying for _, end, *_ in matches)


def _swap(sentence: str, matches: list[Match], group: str, other: list[Forms]) -> str:
    """Return a sentence with its terms replaced by those of another group."""
    parts, at = [], 0
    for start, end, term, form in matches:
        word = other[term % len(other)][form]
        parts += [sentence[at:start], word if start else match_case("A", word)]
        at = end
    return "".join([*parts, sentence[at:]])
