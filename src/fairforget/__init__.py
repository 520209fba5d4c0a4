"""FairForget makes language models forget social bias, and measures what that does to them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairforget.corpora import read_corpus
    from fairforget.corpora.text import Mention, Span, Text
    from fairforget.errors import InputError
    from fairforget.evaluation import evaluate
    from fairforget.models.language_model import LanguageModel
    from fairforget.models.loading import load_model
    from fairforget.models.saving import save_model
    from fairforget.records.records import EvaluationRecord, UnlearningRecord
    from fairforget.report import write_report
    from fairforget.scoring.causal import token_log_probs
    from fairforget.training.budget import Budget
    from fairforget.training.config import UnlearningConfig
    from fairforget.training.preparation import Corpus, everyday_corpus
    from fairforget.training.targets import Targets, encode_targets
    from fairforget.training.trainer import UnlearningTrainer
    from fairforget.unlearning import unlearn

__version__ = "0.1.0"

_HOME = {
    "Budget": "training.budget",
    "Corpus": "training.preparation",
    "EvaluationRecord": "records.kinds",
    "InputError": "errors",
    "LanguageModel": "models.language_model",
    "Mention": "corpora.text",
    "Span": "corpora.text",
    "Targets": "training.targets",
    "Text": "corpora.text",
    "UnlearningConfig": "training.config",
    "UnlearningRecord": "records.kinds",
    "UnlearningTrainer": "training.trainer",
    "encode_targets": "training.targets",
    "evaluate": "evaluation",
    "everyday_corpus": "training.preparation",
    "load_model": "models.loading",
    "read_corpus": "corpora",
    "save_model": "models.saving",
    "token_log_probs": "scoring.causal",
    "unlearn": "unlearning",
    "write_report": "report",
}
"""Public name → the module that defines it; imported on first use, so that `--help` is quick."""

__all__ = [
    "Budget",
    "Corpus",
    "EvaluationRecord",
    "InputError",
    "LanguageModel",
    "Mention",
    "Span",
    "Targets",
    "Text",
    "UnlearningConfig",
    "UnlearningRecord",
    "UnlearningTrainer",
    "encode_targets",
    "evaluate",
    "everyday_corpus",
    "load_model",
    "read_corpus",
    "save_model",
    "token_log_probs",
    "unlearn",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
