"""What a selector gives: characters of a text that are harmful, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fairforget.corpora.text import Mention, Span, Text


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """Characters `start` to `end` (exclusive) of a text that are harmful, and why."""

    start: int
    end: int
    why: str = ""


Selector = Callable[[Sequence[Text]], list[list[Choice]]]
"""Texts → the choices in each, in order, not overlapping."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A text with the chosen spans, and why each was chosen."""

    text: Text
    why: tuple[str, ...]


def select(
    texts: Iterable[Text],
    selector: Selector,
    find_mentions: Callable[[str], tuple[Mention, ...]] | None = None,
    *,
    at_a_time: int = 256,
) -> Iterator[Selected]:
    """The texts with the selector's spans in place of their own, in order, in constant memory.

    Args:
        texts: any number.
        selector: see there.
        find_mentions: finds the mentions of a text whose corpus names none.
        at_a_time: texts that the selector sees in one call.
    """
    batch: list[Text] = []
    for text in texts:
        batch.append(text)
        if len(batch) == at_a_time:
            yield from _selected(batch, selector, find_mentions)
            batch = []
    yield from _selected(batch, selector, find_mentions)


def _selected(
    batch: list[Text],
    selector: Selector,
    find_mentions: Callable[[str], tuple[Mention, ...]] | None,
) -> Iterator[Selected]:
    if not batch:
        return
    for text, choices in zip(batch, selector(batch), strict=True):
        mentions = text.mentions
        if not mentions and find_mentions:
            found = find_mentions(text.text)
            mentions = tuple(m for m in found if not any(_overlap(m, c) for c in choices))
        spans = tuple(Span(choice.start, choice.end) for choice in choices)
        yield Selected(
            replace(text, spans=spans, mentions=mentions), tuple(choice.why for choice in choices)
        )


def joined(text: str, choices: Iterable[Choice]) -> list[Choice]:
    """The choices in order, those merged that overlap or have only blanks between them."""
    merged: list[Choice] = []
    for choice in sorted(choices):
        if merged and not text[merged[-1].end : choice.start].strip():
            last = merged.pop()
            why = last.why if choice.why in ("", last.why) else f"{last.why}; {choice.why}"
            choice = Choice(last.start, max(last.end, choice.end), why)
        merged.append(choice)
    return merged


def _overlap(mention: Mention, choice: Choice) -> bool:
    return mention.start < choice.end and choice.start < mention.end
