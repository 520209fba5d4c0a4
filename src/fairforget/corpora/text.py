"""A text of a corpus, with its harmful spans and its group mentions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

COUNTED = "count characters from 0; the end is exclusive"
"""The remedy for a range that does not fit its text."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text, counted in code points."""

    start: int
    end: int

    def __post_init__(self) -> None:
        _check_range("span", self.start, self.end)


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """Characters that name a group, with the neutral words that can replace them.

    "Women are late." has the mention 0:5 with the neutral words ("People",).
    """

    start: int
    end: int
    neutral: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_range("mention", self.start, self.end)
        if isinstance(self.neutral, str):
            raise ValueError(
                f"the neutral words of a mention are the text {self.neutral!r}; write a tuple, "
                f"({self.neutral!r},)"
            )
        if not self.neutral or not all(word.strip() for word in self.neutral):
            raise ValueError("a mention has no neutral word; write one after its range")

    @property
    def word(self) -> str:
        """The neutral word that replaces the mention: the first."""
        return self.neutral[0]

    @property
    def growth(self) -> int:
        """Difference in length between the neutral word and the mention, in characters."""
        return len(self.word) - (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Text:
    """One row of a corpus."""

    id: str
    text: str
    domain: str | None = None
    """Bias domain: gender, race, religion, …; several joined by "+"; None if unknown."""
    group: str | None = None
    """Group within the domain; several joined by "+"; None if unknown."""
    spans: tuple[Span, ...] = ()
    """Harmful characters, in order, without overlap."""
    mentions: tuple[Mention, ...] = ()
    """Group mentions, in order, without overlap."""
    split: str | None = None
    hateful: bool | None = None
    """Label of the source; None if it has none."""

    def __post_init__(self) -> None:
        for kind, ranges in (("span", self.spans), ("mention", self.mentions)):
            end = 0
            for part in ranges:
                if part.end > len(self.text):
                    raise ValueError(
                        f"{kind} {part.start}:{part.end} ends after the text, which has "
                        f"{len(self.text)} characters; {COUNTED}"
                    )
                if part.start < end:
                    raise ValueError(
                        f"{kind} {part.start}:{part.end} overlaps or precedes the one before it; "
                        "sort them and remove overlaps"
                    )
                end = part.end

    def is_kept(self, span: Span) -> bool:
        """Return whether a span overlaps no mention, so that the counterfactual text keeps it."""
        before = self._count_mentions_before(span)
        return before == len(self.mentions) or span.end <= self.mentions[before].start

    def _count_mentions_before(self, span: Span) -> int:
        return bisect_right(self.mentions, span.start, key=lambda mention: mention.end)

    def counterfactual(self) -> Text:
        """Return the text with every mention replaced by its first neutral word.

        Spans keep their words; one that overlaps a mention is dropped.
        """
        text = self.replace_mentions([mention.word for mention in self.mentions])
        return replace(text, group=None, mentions=(), hateful=None)

    def replace_mentions(self, words: Sequence[str]) -> Text:
        """Return the text with other words as mentions, which keep their neutral words.

        Spans keep their words; one that overlaps a mention is dropped.
        """
        parts, mentions, at, length = [], [], 0, 0
        for mention, word in zip(self.mentions, words, strict=True):
            parts += [self.text[at : mention.start], word]
            start = length + mention.start - at
            length, at = start + len(word), mention.end
            mentions.append(Mention(start, length, mention.neutral))
        shifts = [0]
        shifts += (new.end - old.end for old, new in zip(self.mentions, mentions, strict=True))
        spans = []
        for span in filter(self.is_kept, self.spans):
            shift = shifts[self._count_mentions_before(span)]
            spans.append(Span(span.start + shift, span.end + shift))
        text = "".join([*parts, self.text[at:]])
        return replace(self, text=text, spans=tuple(spans), mentions=tuple(mentions))


def _check_range(kind: str, start: int, end: int) -> None:
    if not 0 <= start < end:
        raise ValueError(f"{kind} {start}:{end} is empty or starts before the text; {COUNTED}")
