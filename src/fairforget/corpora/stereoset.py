"""StereoSet, intersentence: contexts followed by stereotypes, which are items of a benchmark.

Do not report StereoSet for a model that was trained on them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.text import Span, Text
from fairforget.data.stereoset import read_items


def stereoset_texts() -> Iterator[Text]:
    """Yield each context with its stereotype, whose sentence is the span; dev split, file order."""
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
