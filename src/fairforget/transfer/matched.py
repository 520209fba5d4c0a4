"""Control texts made of any corpus: its group mentions become innocent nouns."""

from __future__ import annotations

import random
from collections.abc import Iterable

from fairforget.corpora.builtin.lexicon import CONTROL, GroupTerm, group_terms, without_article
from fairforget.corpora.text import Mention, Span, Text

PLURAL_ENDINGS = ("s", "eople", "hildren")
"""Of the neutral words: people, individuals, children, siblings."""


def matched_texts(texts: Iterable[Text], *, seed: int = 0) -> list[Text]:
    """The same sentences about objects, weather and food; texts without a mention are left out.

    "Women are late." becomes "Chairs are late."; the mention is then of chairs, with "Things" as
    its neutral word. All mentions of a text get the same noun, in their number and case.

    Args:
        texts: with mentions; a mention's neutral words tell whether it is a plural.
        seed: of the nouns; each text draws for itself.
    """
    nouns = group_terms(CONTROL)
    return [
        _about(text, random.Random(f"{text.id} {seed}").choice(nouns))
        for text in texts
        if text.mentions
    ]


def _about(text: Text, noun: GroupTerm) -> Text:
    parts: list[str] = []
    mentions, at, length = [], 0, 0
    moved: list[tuple[int, int]] = []  # (end of a mention, by how much what follows has moved)
    for mention in text.mentions:
        words, *neutral = _like(mention, noun)
        parts += [text.text[at : mention.start], words]
        start = length + mention.start - at
        mentions.append(Mention(start, start + len(words), tuple(neutral)))
        length, at = start + len(words), mention.end
        moved.append((mention.end, length - at))
    spans = []
    for span in text.spans:
        if all(m.end <= span.start or span.end <= m.start for m in text.mentions):
            shift = next((by for end, by in reversed(moved) if end <= span.start), 0)
            spans.append(Span(span.start + shift, span.end + shift))
    return Text(
        f"{text.id}:matched",
        "".join([*parts, text.text[at:]]),
        CONTROL,
        noun.group,
        tuple(spans),
        tuple(mentions),
        text.split,
        text.hateful,
    )


def _like(mention: Mention, noun: GroupTerm) -> list[str]:
    """The noun and its neutral words in the number, article and case of the mention."""
    neutral = mention.words()
    article, _, bare = neutral.rpartition(" ")
    if bare.endswith(PLURAL_ENDINGS) and not bare.endswith("ss"):
        words = [noun.plural, *noun.neutral_plural]
    else:
        words = [noun.singular, *noun.neutral_singular]
        if article.lower() not in ("a", "an"):
            words = [without_article(word) for word in words]
    return [word[0].upper() + word[1:] for word in words] if neutral[0].isupper() else words
