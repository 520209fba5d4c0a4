"""Configure, prepare corpora, unlearn and remove the checkpoints: for tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.budget import Budget
from fairforget.corpora.corpus import Corpus
from fairforget.machine.processes import is_first, wait_for_all
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import UnlearningRecord
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.training.original import Original
from fairforget.training.preparation import prepare
from fairforget.training.unlearn import unlearn as unlearn_prepared


def config(tmp_path: Path, **options: Any) -> UnlearningConfig:
    """A training of four steps."""
    return UnlearningConfig(
        **{
            "output_dir": str(tmp_path / "checkpoints"),
            "max_steps": 4,
            "per_device_train_batch_size": 4,
            "learning_rate": 3e-3,
            "warmup_steps": 0,
            "logging_steps": 2,
            "save_strategy": "no",
            "use_cpu": True,
            **options,
        }
    )


def unlearn(
    model: LanguageModel,
    forget: Corpus,
    retain: Corpus,
    config: UnlearningConfig,
    *,
    budget: Budget = Budget(),  # noqa: B008
    everyday: Corpus | None = None,
    known: Original | None = None,
    **options: Any,
) -> UnlearningRecord:
    """Unlearn in place, as `debias` does between its evaluations."""
    known = known or Original()
    prepared = prepare(model, forget, retain, config, everyday=everyday, known=known)
    record = unlearn_prepared(model, prepared, budget=budget, known=known, **options)
    wait_for_all()
    if is_first():
        remove_checkpoints(Path(str(config.output_dir)))
    wait_for_all()
    return record
