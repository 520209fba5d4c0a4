"""Forget texts that the counterfactual-kl recipe does not have, for docs/score_alternatives.py."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

from fairforget.corpora import Mention, Span, Text, read_corpus
from fairforget.corpora.builtin import GroupTerm, builtin_texts, group_terms
from fairforget.corpora.builtin.lexicon import read_data, strip_article
from fairforget.selection.selected import SelectedText, write_spans

SHORT_SECTIONS = ("plain", "plain_singular")
"""Sections of the templates whose sentences say one thing about a group and nothing else."""
SHORT_DOMAINS = ("gender", "race", "religion", "nationality", "profession")
SINGULAR_DOMAINS = ("gender", "profession", "age", "class")
"""Domains whose singular terms always name a person: "an American film" names none."""
LENGTHS = range(41, 220)
"""Allowed characters of a Wikipedia sentence."""
SENTENCES_PER_FORM = 30
"""At most so many Wikipedia sentences name a form of a term first."""
MIXED_TEXTS = 3_200
"""Built-in texts, and as many Wikipedia sentences."""


def short_texts() -> list[Text]:
    """The shortest of the built-in texts, with the five domains alternating."""
    sections = read_data("templates.toml")
    templates = {re.sub(r"\{.+?\}", "_", line) for s in SHORT_SECTIONS for line in sections[s]}
    parts = [
        [text for text in builtin_texts(domain) if _template(text) in templates]
        for domain in SHORT_DOMAINS
    ]
    count = min(map(len, parts))
    step = count // len(parts)  # neighbours then differ in more than the group
    return [
        part[(place + number * step) % count]
        for place in range(count)
        for number, part in enumerate(parts)
    ]


def _template(text: Text) -> str:
    """The template of a built-in text, with `_` for each slot."""
    slots: list[Span | Mention] = [*text.spans, *text.mentions]
    template = text.text
    for slot in sorted(slots, key=lambda slot: slot.start, reverse=True):
        before = template[: slot.start]
        if isinstance(slot, Span):
            before = re.sub(r"\ban? $", "", before)  # the article is a part of the slot
        template = f"{before}_{template[slot.end :]}"
    return template


def wikipedia_texts() -> list[Text]:
    """Sentences of the retain passages that name a group; every later token is a target.

    The match is approximate: some names are those of films and bands.
    """
    forms = dict(_group_forms())
    alternatives = "|".join(sorted(map(re.escape, forms), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])({alternatives})(?![\w-])", re.IGNORECASE)
    texts = [text for s in _split_sentences() if (text := _mark_group(s, forms, pattern))]
    random.Random(0).shuffle(texts)
    seen: Counter[str] = Counter()
    kept = []
    for text in texts:
        first = text.text[text.mentions[0].start : text.mentions[0].end].lower()
        seen[first] += 1
        if seen[first] <= SENTENCES_PER_FORM:
            kept.append(text)
    return kept


def _split_sentences() -> Iterator[str]:
    for text in read_corpus("wikipedia"):
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text.text):
            yield " ".join(sentence.split())


def _group_forms() -> Iterator[tuple[str, tuple[GroupTerm, Sequence[str]]]]:
    """Forms that name a group, with term and neutral words; in a `dict` the first term wins."""
    for term in reversed(group_terms()):
        if term.domain in SINGULAR_DOMAINS:
            neutral = [strip_article(word) for word in term.neutral_singular]
            yield strip_article(term.singular).lower(), (term, neutral)
        yield term.plural.lower(), (term, term.neutral_plural)


def _mark_group(
    sentence: str, forms: dict[str, tuple[GroupTerm, Sequence[str]]], pattern: re.Pattern[str]
) -> Text | None:
    """The sentence as a forget text, or None if it names no group early enough."""
    if len(sentence) not in LENGTHS:
        return None
    matches = list(pattern.finditer(sentence))
    if not matches or matches[0].end() > len(sentence) * 0.6:
        return None
    mentions = []
    for match in matches:
        word = match.group()
        term, neutral = forms[word.lower()]
        if word[0].isupper() and match.start() == 0:
            neutral = [other.capitalize() for other in neutral]
        elif word[0].isupper() and word.lower() != term.plural.lower():
            return None  # a proper name
        mentions.append(Mention(match.start(), match.end(), tuple(neutral)))
    last = re.search(r"\w+\W*$", sentence)
    if last is None or last.start() <= matches[-1].end():
        return None
    term, _ = forms[matches[0].group().lower()]
    # the targets run from the mention to the last span, so one span at the end covers all
    span = Span(last.start(), len(sentence.rstrip('.!?" ')))
    return Text(sentence, sentence, term.domain, term.group, (span,), tuple(mentions))


def mixed_texts() -> list[Text]:
    """Built-in texts and Wikipedia sentences, alternating."""
    pairs = zip(builtin_texts(), cycle(wikipedia_texts()), strict=False)
    return list(chain.from_iterable(islice(pairs, MIXED_TEXTS)))


def write_texts(texts: Iterable[Text], path: Path) -> None:
    """Write a corpus file; repeated texts get different ids."""
    numbered = (replace(text, id=str(number)) for number, text in enumerate(texts))
    write_spans((SelectedText(text, ("",) * len(text.spans)) for text in numbered), path)
