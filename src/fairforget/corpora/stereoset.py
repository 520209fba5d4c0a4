"""StereoSet, intersentence: contexts followed by stereotypes. These are a benchmark's items.

A model that forgot them has seen the test: StereoSet must not be reported for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.text import Span, Text
from fairforget.data.stereoset import read_items


def stereoset_texts() -> Iterator[Text]:
    """Each context with its stereotype, whose sentence is the span; dev split, in file order."""
    for item in read_items(task="intersentence"):
        sentence, context = item.sentences[0].strip(), item.context.strip()
        start = len(context) + 1
        yield Text(
            f"stereoset:{item.id}",
            f"{context} {sentence}",
            item.domain,
            item.term.lower(),
            spans=(Span(start, start + len(sentence)),),
            split="dev",
        )
