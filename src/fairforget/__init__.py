"""FairForget makes language models unlearn social bias, and measures the effect."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairforget.attacks.durability import durability as durability
    from fairforget.attacks.record import DurabilityRecord as DurabilityRecord
    from fairforget.budget import Budget as Budget
    from fairforget.comparison.compare import Comparison as Comparison
    from fairforget.comparison.compare import compare as compare
    from fairforget.corpora import read_corpus as read_corpus
    from fairforget.corpora.corpus import Corpus as Corpus
    from fairforget.corpora.text import Mention as Mention
    from fairforget.corpora.text import Span as Span
    from fairforget.corpora.text import Text as Text
    from fairforget.debiasing.debias import debias as debias
    from fairforget.debiasing.result import DebiasResult as DebiasResult
    from fairforget.errors import InputError as InputError
    from fairforget.evaluation.evaluate import evaluate as evaluate
    from fairforget.leaderboards.leaderboard import leaderboard as leaderboard
    from fairforget.leaderboards.record import LeaderboardRecord as LeaderboardRecord
    from fairforget.methods.self_debias import (
        SelfDebiasLogitsProcessor as SelfDebiasLogitsProcessor,
    )
    from fairforget.models.gguf_export.export import export as export
    from fairforget.models.language_model import LanguageModel as LanguageModel
    from fairforget.models.loading import load_model as load_model
    from fairforget.models.saving import save_model as save_model
    from fairforget.models.wrapping import wrap_model as wrap_model
    from fairforget.objectives.objective import Objective as Objective
    from fairforget.records.evaluation import Evaluation as Evaluation
    from fairforget.records.records import EvaluationRecord as EvaluationRecord
    from fairforget.records.records import UnlearningRecord as UnlearningRecord
    from fairforget.report import write_report as write_report
    from fairforget.scoring.causal import token_log_probs as token_log_probs
    from fairforget.selection.result import SelectionResult as SelectionResult
    from fairforget.selection.select_spans import select_spans as select_spans
    from fairforget.settings import DebiasSettings as DebiasSettings
    from fairforget.settings import DurabilitySettings as DurabilitySettings
    from fairforget.settings import EvaluationSettings as EvaluationSettings
    from fairforget.settings import LeaderboardSettings as LeaderboardSettings
    from fairforget.settings import SelectSettings as SelectSettings
    from fairforget.settings import TargetSettings as TargetSettings
    from fairforget.settings import TransferSettings as TransferSettings
    from fairforget.target_scores import TargetScores as TargetScores
    from fairforget.target_scores import score_targets as score_targets
    from fairforget.targets import Targets as Targets
    from fairforget.targets import encode_targets as encode_targets
    from fairforget.training.config import UnlearningConfig as UnlearningConfig
    from fairforget.training.trainer import UnlearningTrainer as UnlearningTrainer
    from fairforget.transfer_study.record import StudyRecord as StudyRecord
    from fairforget.transfer_study.study import transfer as transfer

__version__ = "0.1.0"

_HOME = {
    "Budget": "budget",
    "Comparison": "comparison.compare",
    "Corpus": "corpora.corpus",
    "DebiasResult": "debiasing.result",
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
    "debias": "debiasing.debias",
    "durability": "attacks.durability",
    "encode_targets": "targets",
    "evaluate": "evaluation.evaluate",
    "export": "models.gguf_export.export",
    "leaderboard": "leaderboards.leaderboard",
    "load_model": "models.loading",
    "read_corpus": "corpora",
    "save_model": "models.saving",
    "score_targets": "target_scores",
    "select_spans": "selection.select_spans",
    "token_log_probs": "scoring.causal",
    "transfer": "transfer_study.study",
    "wrap_model": "models.wrapping",
    "write_report": "report",
}
"""Public name → the module that defines it. Modules load on first use, so `--help` stays fast."""

if not TYPE_CHECKING:  # a type checker reads the imports above
    __all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]
