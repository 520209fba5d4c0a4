"""Harmless control texts for any corpus: the same mentions, followed by ordinary facts."""

from __future__ import annotations

import random
from collections.abc import Iterable

from fairforget.corpora.builtin.generate import (
    fill_frame,
    make_frame,
    shuffle_attributes,
    shuffled_rounds,
)
from fairforget.corpora.builtin.lexicon import GroupTerm, read_data
from fairforget.corpora.text import Mention, Text
from fairforget.selection.identity import MODIFIERS
from fairforget.transfer_study.matched import POSSESSIVES, is_plural

PLURAL, SINGULAR, BARE = "{Groups}", "{A group}", "{group}"
"""Slots of a template: plural and singular at the start of a sentence, and without an article."""


def harmless_texts(texts: Iterable[Text], *, seed: int = 0) -> list[Text]:
    """Sentences that say something ordinary about the group of each text; its words are the span.

    "Women are liars." becomes "Women often drink water.", with the span "drink water". The mention
    keeps its words, its number and its neutral words. A text with several mentions keeps the first
    that can be the subject; one without such a mention is dropped.

    Args:
        texts: with mentions; the neutral word of a mention shows whether it is plural.
        seed: of the combinations. All templates and attributes are used equally often.
    """
    rng = random.Random(f"harmless {seed}")
    data = read_data("harmless.toml")
    lines: list[str] = data.pop("templates")
    templates = {
        slot: shuffled_rounds([line for line in lines if slot in line], rng)
        for slot in (PLURAL, SINGULAR, BARE)
    }
    attributes = shuffle_attributes(data, rng)
    made = []
    for text in texts:
        subjects = (_as_subject(text, mention) for mention in text.mentions)
        if subject := next(filter(None, subjects), None):
            slot, term = subject
            frame = make_frame(next(templates[slot]), attributes)
            made.append(fill_frame(f"{text.id}:harmless", frame, term))
    return made


def _as_subject(text: Text, mention: Mention) -> tuple[str, GroupTerm] | None:
    """Return the slot for a mention and a term that fills it; None for an adjective or genitive."""
    words = text.text[mention.start : mention.end]
    article, _, bare = mention.word.lower().rpartition(" ")
    if bare in MODIFIERS or bare.endswith(POSSESSIVES):
        return None
    slot = PLURAL if is_plural(bare) else SINGULAR if article in ("a", "an") else BARE
    forms = [words, *mention.neutral]
    if slot == BARE:  # the template has the article
        forms = [f"a {form}" for form in forms]
    term, *neutral = forms
    domain, group = text.domain or "", text.group or ""
    return slot, GroupTerm(domain, group, term, term, tuple(neutral), tuple(neutral))
