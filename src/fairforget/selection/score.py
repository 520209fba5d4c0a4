"""Agreement of selected spans with human annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairforget.corpora.text import Text
from fairforget.selection.identity import identity_ranges
from fairforget.selection.selected import SelectedText


@dataclass(frozen=True, slots=True)
class SpanScore:
    """Agreement by characters over all texts with gold spans; spaces are not counted."""

    precision: float
    recall: float
    f1: float
    identity_share: float
    """Share of the selected characters in words for groups, over all texts."""
    scored: int
    """Number of texts with gold spans."""
    unmarked: int
    """Number of texts without gold spans: they are implicit, with no particular harmful word."""
    selected: int
    """Number of selected characters, over all texts."""


@dataclass(slots=True)
class SpanScorer:
    """Accumulates the agreement of selected texts with their gold spans and mentions."""

    scored: int = 0
    unmarked: int = 0
    _hit: int = 0
    _chosen: int = 0
    _gold: int = 0
    _groups: int = 0
    _selected: int = 0

    def add(self, true: Text, selected: SelectedText) -> None:
        """Add a text.

        Args:
            true: the text with gold spans and mentions.
            selected: the same text with selected spans.
        """
        selection = _characters(true.text, ((s.start, s.end) for s in selected.text.spans))
        groups = _characters(
            true.text, [*identity_ranges(true.text), *((m.start, m.end) for m in true.mentions)]
        )
        gold = _characters(true.text, ((s.start, s.end) for s in true.spans))
        self._selected += len(selection)
        self._groups += len(selection & groups)
        if not gold:
            self.unmarked += 1
            return
        self.scored += 1
        self._hit += len(selection & gold)
        self._chosen += len(selection)
        self._gold += len(gold)

    @property
    def score(self) -> SpanScore:
        """Agreement over the texts so far."""
        return SpanScore(
            precision=self._hit / max(1, self._chosen),
            recall=self._hit / max(1, self._gold),
            f1=2 * self._hit / max(1, self._chosen + self._gold),
            identity_share=self._groups / max(1, self._selected),
            scored=self.scored,
            unmarked=self.unmarked,
            selected=self._selected,
        )


def score_spans(pairs: Iterable[tuple[Text, SelectedText]]) -> SpanScore:
    """Return the agreement of pairs of a text with gold spans and the same text as selected."""
    scorer = SpanScorer()
    for true, selected in pairs:
        scorer.add(true, selected)
    return scorer.score


def _characters(text: str, ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {at for start, end in ranges for at in range(start, end) if not text[at].isspace()}
