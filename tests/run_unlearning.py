"""Prepare corpora, unlearn and remove the checkpoints: what most tests of training want."""

from __future__ import annotations

from pathlib import Path

from fairforget.budget import Budget
from fairforget.corpora.corpus import Corpus
from fairforget.machine.processes import is_first, wait_for_all
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import UnlearningRecord
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.unlearning import run_unlearning


def unlearn(
    model: LanguageModel,
    forget: Corpus,
    retain: Corpus,
    config: UnlearningConfig,
    *,
    budget: Budget = Budget(),  # noqa: B008
    everyday: Corpus | None = None,
) -> UnlearningRecord:
    """Unlearn in place, as `debias` does between its evaluations."""
    record = run_unlearning(model, forget, retain, everyday, config, budget)
    wait_for_all()
    if is_first():
        remove_checkpoints(Path(str(config.output_dir)))
    wait_for_all()
    return record
