"""Unlearn: corpora in, a debiased model and the record of how it came about out."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import (
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.trainer_utils import SchedulerType

from fairforget.budget import Budget
from fairforget.corpora import Text
from fairforget.errors import InputError
from fairforget.evaluation import model_facts
from fairforget.landing import land, perplexity
from fairforget.models import LanguageModel
from fairforget.objectives import OBJECTIVES
from fairforget.progress import Advance, bar
from fairforget.records import BudgetFacts, CorpusFacts, UnlearningRecord, environment
from fairforget.targets import Selection, Targets, encode_targets
from fairforget.trainer import UnlearningConfig, UnlearningTrainer, last_checkpoint

RETAIN_TOKENS = 63
"""Tokens of a retain text that are used: with the start token, 64."""
HELD_OUT = 80
"""Retain texts kept from training, on which damage is measured: about 5,000 tokens."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with the name that the record gives them."""

    name: str
    texts: Sequence[Text]
    domain: str | None = None


def unlearn(
    language_model: LanguageModel,
    forget: Corpus,
    retain: Corpus,
    config: UnlearningConfig,
    *,
    budget: Budget = Budget(),  # noqa: B008
) -> UnlearningRecord:
    """Unlearn in place: train, then land on the budget.

    Args:
        language_model: a causal one; its weights are changed.
        forget: texts with harmful spans, and with mentions where the objective is `neutral`.
        retain: texts that must stay as likely as they are. The first part of them, in an order
            that does not depend on the seed, is held out to measure the damage.
        config: how to train. Checkpoints go to `config.output_dir`; training goes on from the
            last one there.
        budget: the damage allowed.

    Returns:
        What was done.

    Raises:
        InputError: a masked model, a corpus without targets, too few retain texts.
    """
    if language_model.kind != "causal":
        raise InputError(f"model {language_model.source!r} is masked; a causal one is needed")
    assert config.selection is not None
    targets = encode_forget(language_model, forget, config.objective, config.selection)
    held_out, kept = encode_retain(language_model, retain)

    start = time.perf_counter()
    model = language_model.model
    original = {name: p.detach().clone() for name, p in model.named_parameters()}
    with bar("Unlearning", config.max_steps) as advance:
        trainer = UnlearningTrainer(
            model,
            config,
            targets,
            kept,
            processing_class=language_model.tokenizer,
            callbacks=[_Bar(advance)],
        )
        for other in (ProgressCallback, PrinterCallback):
            trainer.remove_callback(other)
        trainer.train(resume_from_checkpoint=last_checkpoint(config))
    model.eval()
    trained = time.perf_counter()
    with bar("Landing on the budget") as advance:
        reached = land(model, original, lambda: perplexity(model, held_out), budget, advance)
    landed = time.perf_counter()
    return UnlearningRecord(
        model=model_facts(language_model),
        method=_method(config),
        corpora=[
            CorpusFacts(
                forget.name, "forget", len(targets), sum(t.count for t in targets), forget.domain
            ),
            CorpusFacts(retain.name, "retain", len(kept), sum(len(ids) - 1 for ids in kept)),
            CorpusFacts(
                retain.name, "held-out", len(held_out), sum(len(ids) - 1 for ids in held_out)
            ),
        ],
        budget=reached,
        history=[row for row in trainer.state.log_history if "loss" in row],
        environment=environment(str(language_model.device), config.world_size),
        seconds={
            "training": round(trained - start, 2),
            "landing": round(landed - trained, 2),
        },
    )


def encode_forget(
    language_model: LanguageModel, forget: Corpus, objective: str, selection: Selection
) -> list[Targets]:
    """The forget texts that have targets, as tokens.

    Raises:
        InputError: none has; says what the objective and selection need.
    """
    neutral = OBJECTIVES[objective].reference == "neutral text"
    encoded = [
        encode_targets(
            language_model.tokenizer,
            text,
            start_id=language_model.start_id,
            selection=selection,
            neutral=neutral,
        )
        for text in forget.texts
    ]
    targets = [t for t in encoded if t is not None]
    if not targets:
        needs = {"harmful": "`spans`", "after-mention": "`mentions`", "all": "texts"}[selection]
        also = " and `mentions` with neutral words" if neutral else ""
        raise InputError(
            f"forget corpus {forget.name!r}: no text has a target; objective {objective!r} with "
            f"selection {selection!r} needs {needs}{also}"
        )
    return targets


def encode_retain(
    language_model: LanguageModel, retain: Corpus
) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids of the held-out and of the other retain texts, start token included.

    Raises:
        InputError: fewer than twice as many texts as are held out.
    """
    texts = [text.text for text in retain.texts]
    if len(texts) < 2 * HELD_OUT:
        raise InputError(
            f"retain corpus {retain.name!r} has {len(texts)} texts; "
            f"at least {2 * HELD_OUT} are needed ({HELD_OUT} of them to measure the damage)"
        )
    random.Random(0).shuffle(texts)
    encoded = language_model.tokenizer(
        texts, add_special_tokens=False, truncation=True, max_length=RETAIN_TOKENS
    )["input_ids"]
    sequences = [[language_model.start_id, *ids] for ids in encoded if ids]
    return sequences[:HELD_OUT], sequences[HELD_OUT:]


def _method(config: UnlearningConfig) -> dict[str, Any]:
    return {
        "objective": config.objective,
        "selection": config.selection,
        "retention": config.retention,
        "retention_weight": config.retention_weight,
        "retain_per_forget": config.retain_per_forget,
        "steps": config.max_steps,
        "batch_size": int(
            config.per_device_train_batch_size
            * config.gradient_accumulation_steps
            * config.world_size
        ),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": SchedulerType(config.lr_scheduler_type).value,
        "seed": config.seed,
        "lora": None,
    }


class _Bar(TrainerCallback):
    """Moves a progress bar with the steps of training."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.step = 0

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.advance(state.global_step - self.step)
        self.step = state.global_step

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs and "forget" in logs:
            retain = f", retain {logs['retain']:.3f}" if "retain" in logs else ""
            self.advance(0, f"forget {logs['forget']:.3f}{retain} nats")


__all__ = ["BudgetFacts", "Corpus", "unlearn"]
