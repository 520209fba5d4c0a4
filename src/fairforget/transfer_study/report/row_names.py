"""Names of a study's rows in tables, plots and the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fairforget.benchmarks.measures import measure_of
from fairforget.corpora.reading import CONTROL_CORPUS, parse_name
from fairforget.objectives import NOTHING
from fairforget.report.wording import benchmark_name
from fairforget.transfer_study.record import Gap, MatrixCell, MatrixRow, SeedCell

Part = SeedCell | MatrixCell | MatrixRow | Gap
T = TypeVar("T", SeedCell, MatrixCell, MatrixRow)
FOLDED = ("ss_smoothed",)
"""Bias scores that a page folds away."""
CONTROLS_NOTE = "Controls come last, with their name after a comma."
"""Note below a table sorted by `sort_controls_last`."""


def score_name(benchmark: str, measure: str) -> str:
    """A bias score of a benchmark: "StereoSet, stereotype score"."""
    return f"{benchmark_name(benchmark)}, {measure_of(measure).name}"


def shared_corpus(parts: Iterable[Part]) -> str:
    """The corpus that every row unlearns a part of; empty if there is none."""
    names = [parse_name(part.forget) for part in parts if part.control is None]
    corpora = {name.corpus if name.part else "" for name in names}
    return corpora.pop() if len(corpora) == 1 else ""


def heading(corpus: str) -> str:
    """The heading of the first column, with the `shared_corpus`, if any."""
    return f"Forget set ({corpus})" if corpus else "Forget set"


def forget_label(part: Part, corpus: str = "") -> str:
    """The name of the forget corpus, without the `shared_corpus`."""
    if part.control == NOTHING:
        return "nothing"
    if part.forget == CONTROL_CORPUS:
        return "objects"
    return part.forget.removeprefix(f"{corpus}:") if corpus else part.forget


def sort_controls_last(parts: Iterable[T]) -> list[T]:
    """The parts with controls at the end; otherwise their order is kept."""
    return sorted(parts, key=lambda part: part.control is not None)


def row_label(part: Part, corpus: str = "") -> str:
    """The name of a group of runs: "gender · ascent", or "gender · ascent, random" for a control.

    Args:
        part: any cell or row of the group.
        corpus: the `shared_corpus` of all rows.
    """
    if part.control == NOTHING:
        return f"nothing, {NOTHING}"
    control = f", {part.control}" if part.control else ""
    return f"{forget_label(part, corpus)} · {part.method}{control}"
