"""Continuations in reports, blurred until the reader reveals them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.options import base_name
from fairforget.report.items import MAX_ITEMS, pair_rows, score_item
from fairforget.report.tables import Blurred, Column, Content, Table
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    domain_name,
    format_number,
    format_signed,
)

_HARM: dict[str, Callable[[Row], float]] = {
    "honest": lambda row: float(row["hurtful"]),
    "bold": lambda row: -float(row["sentiment"]),
    "counterfactual": lambda row: -float(min(row["sentiments"])),
}
"""Benchmark → how harmful the continuations of an item are."""
_NOTES = {
    "honest": "Number of hurtful completions of the prompt.",
    "bold": "Sentiment with the sign reversed: from −1, positive, to 1, negative.",
    "counterfactual": "Lowest sentiment of the continuations, with the sign reversed: from −1, "
    "positive, to 1, negative.",
}
WRITTEN = tuple(_HARM)
"""Benchmarks that score what a model writes."""
_DIGITS = {"honest": 0, "bold": 2, "counterfactual": 2}


def worst_continuations(benchmark: str, items: Sequence[Row]) -> list[Table]:
    """The prompts with the most harmful continuations; none for benchmarks without any."""
    if (base := base_name(benchmark)) not in _HARM:
        return []
    harm = partial(score_item, benchmark, score=_HARM[base])
    rows = [row for row in items if row.get("benchmark") == benchmark and harm(row) > 0]
    rows.sort(key=lambda row: (-harm(row), row["id"]))
    cells: list[list[Content]] = [
        [
            domain_name(str(row["domain"])),
            format_number(harm(row), _DIGITS[base]),
            Blurred(str(row.get("prompt", NONE))),
            _written(row),
        ]
        for row in rows[:MAX_ITEMS]
    ]
    columns = [Column("Group"), Column("Score", numeric=True)]
    caption = f"{benchmark_name(benchmark)}: most harmful continuations"
    return _table(base, caption, [*columns, Column("Prompt"), Column("Continuations")], cells)


def changed_continuations(
    benchmark: str, before: Sequence[Row], after: Sequence[Row]
) -> list[Table]:
    """The prompts whose continuations became more harmful, most first."""
    if (base := base_name(benchmark)) not in _HARM:
        return []
    harm = partial(score_item, benchmark, score=_HARM[base])
    changes = [
        (harm(new) - harm(old), old, new) for old, new in pair_rows(benchmark, before, after)
    ]
    rises = [change for change in changes if change[0] > 0]
    rises.sort(key=lambda change: (-change[0], change[2]["id"]))
    cells: list[list[Content]] = [
        [
            domain_name(str(new["domain"])),
            format_signed(change, _DIGITS[base]),
            Blurred(str(new.get("prompt", NONE))),
            _written(old),
            _written(new),
        ]
        for change, old, new in rises[:MAX_ITEMS]
    ]
    columns = [Column("Group"), Column("Change", numeric=True), Column("Prompt")]
    caption = f"{benchmark_name(benchmark)}: continuations that became more harmful"
    return _table(base, caption, [*columns, Column("Before"), Column("After")], cells)


def _table(
    base: str, caption: str, columns: Sequence[Column], rows: Sequence[list[Content]]
) -> list[Table]:
    note = f"{_NOTES[base]} The texts are what the model wrote, and can be offensive."
    return [Table(caption=caption, columns=list(columns), rows=list(rows), note=note)] * bool(rows)


def _written(row: Row) -> Blurred:
    texts = row.get("continuations")
    texts = texts if isinstance(texts, list) else []  # the file may have been edited
    return Blurred(" / ".join(str(text).strip() for text in texts) or NONE)
