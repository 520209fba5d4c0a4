"""What `select_spans` returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fairforget.selection.score import SpanScore


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionResult:
    """Facts about the selected spans of a corpus; printing it shows the output of the command.

    A fact that does not apply, such as `threshold` with the method `lexicon`, is None.
    """

    corpus: str
    method: str
    texts: int
    """Number of texts in the corpus."""
    texts_with_spans: int
    """Number of texts with at least one selected span."""
    train: str | None = None
    """contrast: the training corpora, comma-separated."""
    background: str | None = None
    """contrast: the corpora of general English that were found, comma-separated."""
    threshold: float | None = None
    """contrast: the score in nats above which a word is selected."""
    share_selected: float | None = None
    """contrast: share of the corpus's characters that are in selected spans."""
    share_in_training: float | None = None
    """contrast: the same share in hateful training texts."""
    model: str | None = None
    """llm: the model that was queried."""
    unusable_answers: int | None = None
    """llm: number of texts without a usable answer; repeat the call to query the
    model about them again."""
    refusal: str | None = None
    """llm: the server's reason for the last rejected request; None if it rejected none."""
    output: Path | None = None
    """The JSON-lines file with the texts and their spans."""
    review: Path | None = None
    """The HTML page for correcting the spans."""
    score: SpanScore | None = None
    """Agreement with the spans of the corpus."""

    def facts(self) -> dict[str, Any]:
        """Return the facts that apply, except `refusal`, as values that JSON supports.

        The fields of `score` are at the top level.
        """
        facts = {name: value for name, value in asdict(self).items() if value is not None}
        facts.pop("refusal", None)
        score: dict[str, Any] = facts.pop("score", {})
        shown = {
            name: str(value) if isinstance(value, Path) else value for name, value in facts.items()
        }
        return shown | score

    def __str__(self) -> str:
        return "\n".join(_line(name, value) for name, value in self.facts().items())


def _line(name: str, value: Any) -> str:
    shown = f"{value:.4f}" if isinstance(value, float) else value
    return f"{name.replace('_', ' ')}: {shown}"
