"""Load a model of a run, and evaluate it under every condition."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fairforget.attacks.fine_tuning import CONSTANT, EvaluationCallback
from fairforget.attacks.plan import NONE, PERTURBATION, QUANTIZATION, Condition, benchmarks_of
from fairforget.attacks.quantization import quantized
from fairforget.benchmarks import benchmark_names
from fairforget.evaluation.directory import evaluate_into, is_complete
from fairforget.methods.method import MethodOptions
from fairforget.methods.training import train_on
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_recorded
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.records import ModelFacts
from fairforget.settings import DurabilitySettings
from fairforget.training.weights import restore_weights


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """What is done to every model of a measurement."""

    settings: DurabilitySettings
    conditions: Sequence[Condition]
    texts: Mapping[str, Sequence[str]]
    """Attack that trains → its texts."""

    def needs_float32(self, recorded: ModelFacts) -> bool:
        """Whether weights must be converted to float32, because bfloat16 weights would be trained.

        Most of their updates would be lost to rounding, so that every effect would look durable.
        """
        return bool(self.texts) and recorded.dtype == "bfloat16"


def load_attacked(
    source: str | Path, *, plan: AttackPlan, recorded: ModelFacts, device: str
) -> LanguageModel:
    """Load the original model or that of a run, with the weights that the run had."""
    language_model = load_recorded(
        source, recorded, device=device, trust_remote_code=plan.settings.trust_remote_code
    )
    if plan.needs_float32(recorded):
        language_model.model.float()
    return language_model


def evaluate_conditions(language_model: LanguageModel, plan: AttackPlan, directory: Path) -> float:
    """Evaluate a model under every condition that is not done; return the seconds it took."""
    start = time.perf_counter()
    benchmarks = benchmark_names(plan.settings.benchmarks)
    pending = [it for it in plan.conditions if not is_complete(directory / it.name)]

    def evaluate(condition: Condition) -> None:
        names = [*benchmarks_of(condition, benchmarks).values()]
        evaluate_into(directory / condition.name, language_model, names)

    for condition in pending:
        if condition.attack in (NONE, PERTURBATION):
            evaluate(condition)
        elif condition.attack == QUANTIZATION:
            with quantized(language_model, condition.strength):
                evaluate(condition)
    for name, texts in plan.texts.items():
        at = {int(it.strength): partial(evaluate, it) for it in pending if it.attack == name}
        if at:
            options = training_options(plan.settings, max(at))
            callbacks = [EvaluationCallback(at)]
            with restore_weights(language_model.model):
                train_on(language_model, texts, options, name.capitalize(), callbacks, **CONSTANT)
    return round(time.perf_counter() - start, 2)


def training_options(settings: DurabilitySettings, steps: int) -> MethodOptions:
    """Return the options of an attack that trains."""
    return MethodOptions(
        seed=settings.seed,
        steps=steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
    )


def read_conditions(
    conditions: Sequence[Condition], directory: Path
) -> dict[Condition, Evaluation]:
    """Return the evaluations of a model."""
    return {it: read_evaluation(directory / it.name) for it in conditions}
