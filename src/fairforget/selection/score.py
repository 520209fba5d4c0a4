"""How well chosen spans agree with those that people marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairforget.corpora.text import Text
from fairforget.selection.identity import identity_ranges
from fairforget.selection.selected import SelectedText


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


@dataclass(slots=True)
class SpanScorer:
    """Compares texts that have gold spans and mentions with the same texts as selected."""

    scored: int = 0
    unmarked: int = 0
    _hit: int = 0
    _chosen: int = 0
    _gold: int = 0
    _named: int = 0
    _selected: int = 0

    def add(self, true: Text, selected: SelectedText) -> None:
        """Count one text in."""
        mine = _characters(true.text, ((s.start, s.end) for s in selected.text.spans))
        groups = _characters(
            true.text, [*identity_ranges(true.text), *((m.start, m.end) for m in true.mentions)]
        )
        marked = _characters(true.text, ((s.start, s.end) for s in true.spans))
        self._selected += len(mine)
        self._named += len(mine & groups)
        if not marked:
            self.unmarked += 1
            return
        self.scored += 1
        self._hit += len(mine & marked)
        self._chosen += len(mine)
        self._gold += len(marked)

    @property
    def score(self) -> SpanScore:
        """Of the texts so far."""
        return SpanScore(
            precision=self._hit / max(1, self._chosen),
            recall=self._hit / max(1, self._gold),
            f1=2 * self._hit / max(1, self._chosen + self._gold),
            identity_share=self._named / max(1, self._selected),
            scored=self.scored,
            unmarked=self.unmarked,
            selected=self._selected,
        )


def score_spans(pairs: Iterable[tuple[Text, SelectedText]]) -> SpanScore:
    """Compare texts that have gold spans and mentions with the same texts as selected."""
    scorer = SpanScorer()
    for true, selected in pairs:
        scorer.add(true, selected)
    return scorer.score


def _characters(text: str, ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {at for start, end in ranges for at in range(start, end) if not text[at].isspace()}
