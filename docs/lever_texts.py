"""Texts to forget that the default recipe does not have: see docs/score_levers.py."""

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
from fairforget.selection.selected import SelectedText
from fairforget.selection.spans_file import write_spans

PLAIN = ("plain", "plain_singular")
"""Sections of the templates that say one thing of a group, and nothing else."""
PLAIN_DOMAINS = ("gender", "race", "religion", "nationality", "profession")
ALSO_SINGULAR = ("gender", "profession", "age", "class")
"""Domains whose terms are no adjectives: "an American" is a person, "an American film" is none."""
LONG = range(41, 220)
"""Characters of a sentence."""
PER_FORM = 30
"""Sentences in which a form of a term comes first, at most."""
MIXED = 3_200
"""Texts of each kind."""


def plain() -> list[Text]:
    """The shortest of the built-in texts, of five domains in turn."""
    sections = read_data("templates.toml")
    shapes = {re.sub(r"\{.+?\}", "_", line) for name in PLAIN for line in sections[name]}
    parts = [
        [text for text in builtin_texts(domain) if _shape(text) in shapes]
        for domain in PLAIN_DOMAINS
    ]
    count = min(map(len, parts))
    step = count // len(parts)  # neighbours differ in more than the group
    return [
        part[(place + number * step) % count]
        for place in range(count)
        for number, part in enumerate(parts)
    ]


def _shape(text: Text) -> str:
    """The template of a built-in text, with a line for each slot."""
    parts: list[Span | Mention] = [*text.spans, *text.mentions]
    found = text.text
    for part in sorted(parts, key=lambda part: part.start, reverse=True):
        before = found[: part.start]
        if isinstance(part, Span):
            before = re.sub(r"\ban? $", "", before)  # the article is a part of the slot
        found = f"{before}_{found[part.end :]}"
    return found


def running() -> list[Text]:
    """Sentences of BoolQ's passages that name a group; all that follows is a target.

    Roughly: some are names of films and bands.
    """
    forms = dict(_forms())
    any_form = "|".join(sorted(map(re.escape, forms), key=len, reverse=True))
    named = re.compile(rf"(?<![\w-])({any_form})(?![\w-])", re.IGNORECASE)
    found = list(filter(None, (_named(s, forms, named) for s in _sentences())))
    random.Random(0).shuffle(found)
    seen: Counter[str] = Counter()
    kept = []
    for text in found:
        first = text.text[text.mentions[0].start : text.mentions[0].end].lower()
        seen[first] += 1
        if seen[first] <= PER_FORM:
            kept.append(text)
    return kept


def _sentences() -> Iterator[str]:
    for text in read_corpus("wikipedia"):
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text.text):
            yield " ".join(sentence.split())


def _forms() -> Iterator[tuple[str, tuple[GroupTerm, Sequence[str]]]]:
    """Each form that names a group, with its term and neutral words; the first of a form stays."""
    for term in reversed(group_terms()):
        if term.domain in ALSO_SINGULAR:
            neutral = [strip_article(word) for word in term.neutral_singular]
            yield strip_article(term.singular).lower(), (term, neutral)
        yield term.plural.lower(), (term, term.neutral_plural)


def _named(
    sentence: str, forms: dict[str, tuple[GroupTerm, Sequence[str]]], named: re.Pattern[str]
) -> Text | None:
    """The sentence as a text to forget, if it names a group early enough."""
    found = list(named.finditer(sentence))
    if len(sentence) not in LONG or not found or found[0].end() > len(sentence) * 0.6:
        return None
    mentions = []
    for match in found:
        word = match.group()
        term, neutral = forms[word.lower()]
        if word[0].isupper() and match.start() == 0:
            neutral = [other.capitalize() for other in neutral]
        elif word[0].isupper() and word.lower() != term.plural.lower():
            return None  # a name
        mentions.append(Mention(match.start(), match.end(), tuple(neutral)))
    last = re.search(r"\w+\W*$", sentence)
    if last is None or last.start() <= found[-1].end():
        return None
    term, _ = forms[found[0].group().lower()]
    span = Span(last.start(), len(sentence.rstrip('.!?" ')))  # nothing before it ends the targets
    return Text(sentence, sentence, term.domain, term.group, (span,), tuple(mentions))


def mixed() -> list[Text]:
    """Built-in texts and `running` ones, in turn."""
    both = zip(builtin_texts(), cycle(running()), strict=False)
    return list(chain.from_iterable(islice(both, MIXED)))


def write(texts: Iterable[Text], path: Path) -> None:
    """A corpus file; texts that come again have ids of their own."""
    numbered = (replace(text, id=str(number)) for number, text in enumerate(texts))
    write_spans((SelectedText(text, ("",) * len(text.spans)) for text in numbered), path)
