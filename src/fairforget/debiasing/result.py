"""What `debias` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fairforget.comparison.compare import Comparison, compare_evaluations
from fairforget.frames import to_frame, to_html
from fairforget.models.language_model import LanguageModel
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import UnlearningRecord

if TYPE_CHECKING:
    import pandas


@dataclass
class DebiasResult:
    """The result of `debias`: the debiased model, its record and the evaluations."""

    record: UnlearningRecord
    """The settings, the utility loss and the training history."""
    before: Evaluation | None = None
    """The original model's evaluation; None without benchmarks."""
    after: Evaluation | None = None
    """The debiased model's evaluation; None without benchmarks."""
    output_dir: Path | None = None
    """The directory with the model, the records and the report; None if nothing was kept."""
    url: str | None = None
    """The address of the upload; None without `push_to_hub`."""
    _load: Callable[[], LanguageModel] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        record = self.record
        place = f", output_dir={str(self.output_dir)!r}" if self.output_dir else ""
        return (
            f"DebiasResult({record.model.source!r}, {record.method['objective']}, "
            f"perplexity × {record.budget.reached:.4f}{place})"
        )

    @property
    def model(self) -> LanguageModel:
        """The debiased model; loaded from `output_dir` if the run was already finished."""
        assert self._load is not None
        model = self._load()
        self._load = lambda: model
        return model

    @cached_property
    def comparison(self) -> Comparison | None:
        """The paired comparison of both evaluations; None without benchmarks."""
        if self.before is None or self.after is None:
            return None
        return compare_evaluations(self.before, self.after)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the comparison, one row per benchmark and domain; empty without benchmarks.

        Raises:
            InputError: pandas is not installed.
        """
        return self.comparison.to_pandas() if self.comparison else to_frame([])

    def _repr_html_(self) -> str:
        if self.comparison:
            return self.comparison._repr_html_()
        budget = self.record.budget
        return to_html([{"alpha": budget.alpha, "perplexity ratio": budget.reached}])
