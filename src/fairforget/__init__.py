"""FairForget makes language models unlearn social bias, and measures the effect."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairforget.attacks.durability import durability
    from fairforget.attacks.record import DurabilityRecord
    from fairforget.budget import Budget
    from fairforget.comparison.compare import Comparison, compare
    from fairforget.corpora import read_corpus
    from fairforget.corpora.corpus import Corpus
    from fairforget.corpora.text import Mention, Span, Text
    from fairforget.debias_result import DebiasResult
    from fairforget.debiasing import debias
    from fairforget.errors import InputError
    from fairforget.evaluation import evaluate
    from fairforget.leaderboards.leaderboard import leaderboard
    from fairforget.leaderboards.record import LeaderboardRecord
    from fairforget.methods.method import Method, MethodOptions
    from fairforget.methods.self_debias import SelfDebiasLogitsProcessor
    from fairforget.models.gguf_export.export import export
    from fairforget.models.language_model import LanguageModel
    from fairforget.models.loading import load_model
    from fairforget.models.saving import save_model
    from fairforget.objectives.objective import Objective
    from fairforget.records.evaluation import Evaluation
    from fairforget.records.records import EvaluationRecord, UnlearningRecord
    from fairforget.report import write_report
    from fairforget.scoring.causal import token_log_probs
    from fairforget.selection.result import SelectionResult
    from fairforget.selection.select_spans import select_spans
    from fairforget.settings import (
        DebiasSettings,
        DurabilitySettings,
        EvaluationSettings,
        LeaderboardSettings,
        SelectSettings,
        TargetSettings,
        TransferSettings,
    )
    from fairforget.target_scores import TargetScores, score_targets
    from fairforget.targets import Targets, encode_targets
    from fairforget.training.config import UnlearningConfig
    from fairforget.training.trainer import UnlearningTrainer
    from fairforget.transfer_study.record import StudyRecord
    from fairforget.transfer_study.study import transfer

__version__ = "0.1.0"

_HOME = {
    "Budget": "budget",
    "Comparison": "comparison.compare",
    "Corpus": "corpora.corpus",
    "DebiasResult": "debias_result",
    "DebiasSettings": "settings",
    "DurabilityRecord": "attacks.record",
    "DurabilitySettings": "settings",
    "Evaluation": "records.evaluation",
    "EvaluationRecord": "records.records",
    "EvaluationSettings": "settings",
    "InputError": "errors",
    "LanguageModel": "models.language_model",
    "LeaderboardRecord": "leaderboards.record",
    "LeaderboardSettings": "settings",
    "Mention": "corpora.text",
    "Method": "methods.method",
    "MethodOptions": "methods.method",
    "Objective": "objectives.objective",
    "SelectSettings": "settings",
    "SelectionResult": "selection.result",
    "SelfDebiasLogitsProcessor": "methods.self_debias",
    "Span": "corpora.text",
    "StudyRecord": "transfer_study.record",
    "TargetScores": "target_scores",
    "TargetSettings": "settings",
    "Targets": "targets",
    "Text": "corpora.text",
    "TransferSettings": "settings",
    "UnlearningConfig": "training.config",
    "UnlearningRecord": "records.records",
    "UnlearningTrainer": "training.trainer",
    "compare": "comparison.compare",
    "debias": "debiasing",
    "durability": "attacks.durability",
    "encode_targets": "targets",
    "evaluate": "evaluation",
    "export": "models.gguf_export.export",
    "leaderboard": "leaderboards.leaderboard",
    "load_model": "models.loading",
    "read_corpus": "corpora",
    "save_model": "models.saving",
    "score_targets": "target_scores",
    "select_spans": "selection.select_spans",
    "token_log_probs": "scoring.causal",
    "transfer": "transfer_study.study",
    "write_report": "report",
}
"""Public name → the module that defines it. Modules load on first use, so `--help` stays fast."""

__all__ = [
    "Budget",
    "Comparison",
    "Corpus",
    "DebiasResult",
    "DebiasSettings",
    "DurabilityRecord",
    "DurabilitySettings",
    "Evaluation",
    "EvaluationRecord",
    "EvaluationSettings",
    "InputError",
    "LanguageModel",
    "LeaderboardRecord",
    "LeaderboardSettings",
    "Mention",
    "Method",
    "MethodOptions",
    "Objective",
    "SelectSettings",
    "SelectionResult",
    "SelfDebiasLogitsProcessor",
    "Span",
    "StudyRecord",
    "TargetScores",
    "TargetSettings",
    "Targets",
    "Text",
    "TransferSettings",
    "UnlearningConfig",
    "UnlearningRecord",
    "UnlearningTrainer",
    "compare",
    "debias",
    "durability",
    "encode_targets",
    "evaluate",
    "export",
    "leaderboard",
    "load_model",
    "read_corpus",
    "save_model",
    "score_targets",
    "select_spans",
    "token_log_probs",
    "transfer",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
