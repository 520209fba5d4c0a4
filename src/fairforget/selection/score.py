"""How well chosen spans agree with those that people marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairforget.corpora.text import Text
from fairforget.selection.choice import Selected
from fairforget.selection.identity import identity_ranges


@dataclass(frozen=True, slots=True)
class SpanScore:
    """Agreement by characters, over all texts that have gold spans; blanks count nowhere."""

    precision: float
    recall: float
    f1: float
    identity_share: float
    """Share of the selected characters that lie in words for groups, over all texts."""
    scored: int
    """Texts with gold spans."""
    unmarked: int
    """Texts without: implicit, so that nobody can say which words are harmful."""
    selected: int
    """Characters selected, over all texts."""


def score_spans(pairs: Iterable[tuple[Text, Selected]]) -> SpanScore:
    """Compare texts that have gold spans and mentions with the same texts as selected."""
    hit = chosen = gold = named = everything = scored = unmarked = 0
    for true, selected in pairs:
        mine = _characters(true.text, ((s.start, s.end) for s in selected.text.spans))
        groups = _characters(
            true.text, [*identity_ranges(true.text), *((m.start, m.end) for m in true.mentions)]
        )
        marked = _characters(true.text, ((s.start, s.end) for s in true.spans))
        everything += len(mine)
        named += len(mine & groups)
        if not marked:
            unmarked += 1
            continue
        scored += 1
        hit += len(mine & marked)
        chosen += len(mine)
        gold += len(marked)
    precision, recall = hit / max(1, chosen), hit / max(1, gold)
    return SpanScore(
        precision=precision,
        recall=recall,
        f1=2 * hit / max(1, chosen + gold),
        identity_share=named / max(1, everything),
        scored=scored,
        unmarked=unmarked,
        selected=everything,
    )


def _characters(text: str, ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {at for start, end in ranges for at in range(start, end) if not text[at].isspace()}
