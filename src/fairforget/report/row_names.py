"""What the rows of a study are called in tables, plots and the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fairforget.corpora.reading import parse_name
from fairforget.transfer_study.plan import CONTROL_CORPUS, NOTHING
from fairforget.transfer_study.record import MatrixCell, MatrixRow, SeedCell

Part = SeedCell | MatrixCell | MatrixRow
Named = TypeVar("Named", SeedCell, MatrixCell, MatrixRow)
CONTROLS_LAST = "Controls stand below the forgettings, with their names after a comma."
"""What a reader is told of rows in the order of `controls_last`."""


def shared_corpus(parts: Iterable[Part]) -> str:
    """The corpus that all forgettings are a part of; empty where there is no such."""
    names = [parse_name(part.forget) for part in parts if part.control is None]
    corpora = {name.corpus if name.part else "" for name in names}
    return corpora.pop() if len(corpora) == 1 else ""


def forget_label(part: Part, corpus: str = "") -> str:
    """What was forgotten, without the corpus that all rows share."""
    if part.control == NOTHING:
        return "nothing"
    if part.forget == CONTROL_CORPUS:
        return "things"
    return part.forget.removeprefix(f"{corpus}:") if corpus else part.forget


def controls_last(parts: Iterable[Named]) -> list[Named]:
    """Forgettings, then controls, each in the order given."""
    return sorted(parts, key=lambda part: part.control is not None)


def row_label(part: Part, corpus: str = "") -> str:
    """What a group of runs is called: "gender · ascent"; a control's, "gender · ascent, random".

    Args:
        part: of the row.
        corpus: what `shared_corpus` says of all rows.
    """
    if part.control == NOTHING:
        return f"nothing, {NOTHING}"
    control = f", {part.control}" if part.control else ""
    return f"{forget_label(part, corpus)} · {part.method}{control}"
