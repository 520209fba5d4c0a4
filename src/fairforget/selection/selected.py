"""What a selector gives: characters of a text that are harmful, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from fairforget.corpora.text import Mention, Span, Text


@dataclass(frozen=True, slots=True, order=True)
class SelectedSpan:
    """Characters `start` to `end` (exclusive) of a text that are harmful, and why."""

    start: int
    end: int
    why: str = ""


Selector = Callable[[Sequence[Text]], list[list[SelectedSpan]]]
"""Texts → the choices in each, in order, not overlapping."""
FindMentions = Callable[[str], tuple[Mention, ...]]
"""A text → the mentions in it."""
AT_A_TIME = 256
"""Texts that a selector sees in one call."""


@dataclass(frozen=True, slots=True)
class SelectedText:
    """A text with the chosen spans, and why each was chosen."""

    text: Text
    why: tuple[str, ...]


def select(
    texts: Iterable[Text], selector: Selector, find_mentions: FindMentions | None = None
) -> Iterator[SelectedText]:
    """The texts with the selector's spans in place of their own, in order, in constant memory.

    Args:
        texts: any number; the selector sees `AT_A_TIME` of them in one call.
        selector: see there.
        find_mentions: finds the mentions of a text whose corpus names none.
    """
    for batch in batches(texts):
        yield from apply_selection(batch, selector, find_mentions)


def batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """The texts, `AT_A_TIME` in a list."""
    rest = iter(texts)
    while batch := list(islice(rest, AT_A_TIME)):
        yield batch


def apply_selection(
    batch: Sequence[Text], selector: Selector, find_mentions: FindMentions | None
) -> list[SelectedText]:
    """What one call of the selector gives."""
    found = []
    for text, choices in zip(batch, selector(batch), strict=True):
        mentions = text.mentions
        if not mentions and find_mentions:
            mentions = tuple(
                mention
                for mention in find_mentions(text.text)
                if not any(_overlap(mention, choice) for choice in choices)
            )
        spans = tuple(Span(choice.start, choice.end) for choice in choices)
        why = tuple(choice.why for choice in choices)
        found.append(SelectedText(replace(text, spans=spans, mentions=mentions), why))
    return found


def merge_adjacent(text: str, choices: Iterable[SelectedSpan]) -> list[SelectedSpan]:
    """The choices in order, those merged that overlap or have only blanks between them."""
    merged: list[SelectedSpan] = []
    for choice in sorted(choices):
        if merged and not text[merged[-1].end : choice.start].strip():
            last = merged.pop()
            why = last.why if choice.why in ("", last.why) else f"{last.why}; {choice.why}"
            choice = SelectedSpan(last.start, max(last.end, choice.end), why)
        merged.append(choice)
    return merged


def _overlap(mention: Mention, choice: SelectedSpan) -> bool:
    return mention.start < choice.end and choice.start < mention.end
