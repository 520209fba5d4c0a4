"""The result of a selector: harmful spans with reasons, and their JSON-lines file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from fairforget.corpora.text import Mention, Span, Text
from fairforget.files.atomic import atomic_write
from fairforget.selection.identity import exclude_groups, identity_ranges
from fairforget.selection.ranges import overlapping


@dataclass(frozen=True, slots=True, order=True)
class SelectedSpan:
    """Harmful characters `start` to `end` (exclusive) of a text, and why they are harmful."""

    start: int
    end: int
    why: str = ""


Selector = Callable[[Sequence[Text]], list[list[SelectedSpan]]]
"""Texts → the selected spans of each, in order, without overlap."""
FindMentions = Callable[[str], tuple[Mention, ...]]
"""Text → its mentions."""
JOINT = "; "
"""What separates the reasons of merged spans."""
BATCH_SIZE = 256
"""Texts per call of a selector."""


@dataclass(frozen=True, slots=True)
class SelectedText:
    """A text with the selected spans, and a reason for each."""

    text: Text
    why: tuple[str, ...]


def select(
    texts: Iterable[Text], selector: Selector, find_mentions: FindMentions | None = None
) -> Iterator[SelectedText]:
    """Yield the texts in order with the spans replaced by the selector's, in constant memory.

    Args:
        texts: any number of texts; the selector is called with `BATCH_SIZE` of them.
        selector: see `Selector`.
        find_mentions: finds the mentions of texts without any.
    """
    for batch in batches(texts):
        yield from apply_selection(batch, selector, find_mentions)


def batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield lists of `BATCH_SIZE` texts."""
    rest = iter(texts)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


def apply_selection(
    batch: Sequence[Text], selector: Selector, find_mentions: FindMentions | None
) -> list[SelectedText]:
    """Return the texts of one batch with the selected spans."""
    result = []
    for text, selected in zip(batch, selector(batch), strict=True):
        mentions = text.mentions
        if not mentions and find_mentions:
            mentions = _unharmed(text.text, find_mentions(text.text), selected)
            selected = _outside(text.text, selected, mentions)
        spans = tuple(Span(span.start, span.end) for span in selected)
        why = tuple(span.why for span in selected)
        result.append(SelectedText(replace(text, spans=spans, mentions=mentions), why))
    return result


def _unharmed(
    text: str, mentions: Iterable[Mention], selected: Sequence[SelectedSpan]
) -> tuple[Mention, ...]:
    """Return the mentions whose group no span overlaps; one may overlap the article."""
    ranges = [(span.start, span.end) for span in selected]
    groups = identity_ranges(text)
    return tuple(
        mention
        for mention in mentions
        if not any(
            overlapping(ranges, start, end)
            for start, end in overlapping(groups, mention.start, mention.end)
        )
    )


def _outside(
    text: str, selected: Iterable[SelectedSpan], mentions: Sequence[Mention]
) -> list[SelectedSpan]:
    """Return the spans, without the characters of mentions."""
    ranges = [(mention.start, mention.end) for mention in mentions]
    parts: list[SelectedSpan] = []
    for span in selected:
        if overlapping(ranges, span.start, span.end):
            kept = exclude_groups(text, (span.start, span.end), ranges)
            parts += (SelectedSpan(start, end, span.why) for start, end in kept)
        else:
            parts.append(span)
    return parts


def merge_adjacent(text: str, spans: Iterable[SelectedSpan]) -> list[SelectedSpan]:
    """Return the spans in order; those that overlap or have only spaces between them are merged."""
    merged: list[tuple[int, int, _Reasons]] = []
    for span in sorted(spans):
        if merged and not text[merged[-1][1] : span.start].strip():
            start, end, reasons = merged[-1]
            reasons.add(span.why)
            merged[-1] = start, max(end, span.end), reasons
        else:
            merged.append((span.start, span.end, _Reasons(span.why)))
    return [SelectedSpan(start, end, str(reasons)) for start, end, reasons in merged]


class _Reasons:
    """Reasons joined by "; ", in time proportional to their length."""

    def __init__(self, first: str) -> None:
        self.parts = [first]
        self.length = len(first)

    def add(self, reason: str) -> None:
        """Add a reason, unless it is empty or the same as all so far."""
        if reason and not (len(reason) == self.length and reason == str(self)):
            self.parts.append(reason)
            self.length += len(JOINT) + len(reason)

    def __str__(self) -> str:
        return JOINT.join(self.parts)


def write_spans(selected: Iterable[SelectedText], path: Path) -> None:
    """Write the texts as JSON lines that `read_corpus` reads."""
    with atomic_write(path) as file:
        for item in selected:
            file.write(json.dumps(to_row(item), ensure_ascii=False).encode("utf-8", "replace"))
            file.write(b"\n")


def is_spans_file(path: Path) -> bool:
    """Return whether `write_spans` wrote a file; corrections from the review page have more."""
    with path.open(encoding="utf-8") as file:
        try:
            line = file.readline()
            fields = json.loads(line).keys() if line else None
        except (ValueError, AttributeError):
            return False
    return fields in (None, to_row(SelectedText(Text("", ""), ())).keys())


def to_row(item: SelectedText) -> dict[str, object]:
    """Return the fields of a line."""
    text = item.text
    return {
        "id": text.id,
        "text": text.text,
        "domain": text.domain,
        "group": text.group,
        "spans": [[span.start, span.end] for span in text.spans],
        "mentions": [[m.start, m.end, *m.neutral] for m in text.mentions],
        "why": list(item.why),
        "split": text.split,
        "hateful": text.hateful,
    }
