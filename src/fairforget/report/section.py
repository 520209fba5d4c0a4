"""The part of a page about one benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.report.figures import DotPlot
from fairforget.report.tables import Table


@dataclass(frozen=True, slots=True)
class Section:
    """The plots and tables of one benchmark."""

    title: str
    tables: Sequence[Table]
    plots: Sequence[DotPlot] = ()
    folded: Sequence[Table] = ()
    """Tables that the page folds away."""
    has_stereotype_score: bool = False
    """Whether the page explains the stereotype score."""
