"""Unlearn: corpora in, a debiased model and the record of how it came about out."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from transformers import (
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.trainer_utils import SchedulerType

from fairforget.adapters import adapted
from fairforget.budget import Budget
from fairforget.corpora import Text, read_corpus
from fairforget.errors import InputError
from fairforget.evaluation import model_facts
from fairforget.landing import MAIN, Damage, land, mirror
from fairforget.models import LanguageModel
from fairforget.objectives import OBJECTIVES
from fairforget.progress import Advance, bar
from fairforget.records import CorpusFacts, UnlearningRecord, environment
from fairforget.scoring.perplexity import perplexity
from fairforget.targets import Targets, encode_infilling, encode_targets
from fairforget.trainer import UnlearningConfig, UnlearningTrainer, last_checkpoint
from fairforget.watch import Watch

EVERYDAY = "everyday"
RETAIN_TOKENS = 64
"""Tokens of a retain text that are used, start and end token included."""
HELD_OUT = {"retain": 80, EVERYDAY: 200}
"""Texts kept from training, on which damage is measured: about 5,000 and 3,500 tokens."""
CHECK_TEXTS = 16
"""Held-out texts that are looked at while training."""


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
    everyday: Corpus | None = None,
) -> UnlearningRecord:
    """Unlearn in place: train, then land on the budget.

    Args:
        language_model: causal or masked; its weights are changed.
        forget: texts with harmful spans, and with mentions where the objective is `neutral`.
        retain: texts that must stay as likely as they are. The first part of them, in an order
            that does not depend on the seed, is held out to measure the damage.
        config: how to train. Checkpoints go to `config.output_dir`; training goes on from the
            last one there. It stops early where the damage is far beyond the budget.
        budget: the damage allowed.
        everyday: everyday sentences to measure damage with; a part is held out likewise, the
            rest is retained along with `retain`. Without it, `budget.everyday` says nothing.

    Returns:
        What was done.

    Raises:
        InputError: a corpus without targets, or too few retain texts.
    """
    targets = encode_forget(language_model, forget, config)
    held_out, kept = encode_retain(language_model, retain, HELD_OUT["retain"])
    damages = {MAIN: Damage(_measure(language_model, held_out), budget.perplexity)}
    facts = [
        CorpusFacts(
            forget.name, "forget", len(targets), sum(t.count for t in targets), forget.domain
        ),
        _facts(retain, "retain", kept),
        _facts(retain, "held-out", held_out),
    ]
    if everyday is not None:
        held_out_too, kept_too = encode_retain(language_model, everyday, HELD_OUT[EVERYDAY])
        damages[EVERYDAY] = Damage(_measure(language_model, held_out_too), budget.everyday)
        facts += [
            _facts(everyday, "retain", kept_too),
            _facts(everyday, "held-out", held_out_too),
        ]
        kept = _interleaved(kept, kept_too)

    start = time.perf_counter()
    model = language_model.model
    with adapted(model, config) as original, bar("Unlearning", config.max_steps) as advance:
        trainer = UnlearningTrainer(
            model,
            config,
            targets,
            kept,
            processing_class=language_model.tokenizer,
            callbacks=[
                Watch(_measure(language_model, held_out[:CHECK_TEXTS]), budget.perplexity),
                _Bar(advance),
            ],
        )
        for other in (ProgressCallback, PrinterCallback):
            trainer.remove_callback(other)
        trainer.train(resume_from_checkpoint=last_checkpoint(config))
        model.eval()
        if trainer.forgetting.negated:
            mirror(model, original)
        trained = time.perf_counter()
        with bar("Landing on the budget") as landing:
            reached = land(model, original, damages, reach=budget.reach, progress=landing)
    landed = time.perf_counter()
    return UnlearningRecord(
        model=model_facts(language_model),
        method=_method(config),
        corpora=facts,
        budget=reached,
        history=[row for row in trainer.state.log_history if "train_loss" not in row],
        environment=environment(str(language_model.device), config.world_size),
        seconds={
            "training": round(trained - start, 2),
            "landing": round(landed - trained, 2),
        },
    )


def everyday_corpus() -> Corpus | None:
    """Everyday sentences, where their data is on this machine; says so on stderr where not."""
    try:
        return Corpus(EVERYDAY, read_corpus(EVERYDAY))
    except InputError as error:
        print(f"Damage is not measured on everyday sentences: {error}", file=sys.stderr)
        return None


def encode_forget(
    language_model: LanguageModel, forget: Corpus, config: UnlearningConfig
) -> list[Targets]:
    """The forget texts that have targets, as tokens.

    Raises:
        InputError: none has; says what the objective and selection need.
    """
    neutral = OBJECTIVES[config.objective].reference == "neutral text"
    selection = config.selection
    assert selection is not None
    if config.context == "both" and language_model.kind == "causal":
        if selection != "harmful":
            raise InputError(
                f"context 'both' asks for the harmful words; selection {selection!r} has none"
            )
        targets = [
            target
            for text in forget.texts
            for target in encode_infilling(
                language_model.tokenizer, text, start_id=language_model.start_id, neutral=neutral
            )
        ]
    else:
        encoded = (
            encode_targets(
                language_model.tokenizer,
                text,
                start_id=language_model.start_id,
                end_id=language_model.end_id,
                selection=selection,
                neutral=neutral,
                seed=config.seed,
            )
            for text in forget.texts
        )
        targets = [t for t in encoded if t is not None]
    if not targets:
        needs = {"after-mention": "`mentions`", "all": "texts"}.get(selection, "`spans`")
        also = " and `mentions` with neutral words" if neutral else ""
        raise InputError(
            f"forget corpus {forget.name!r}: no text has a target; objective "
            f"{config.objective!r} with selection {selection!r} needs {needs}{also}"
        )
    return targets


def encode_retain(
    language_model: LanguageModel, retain: Corpus, held_out: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids of the held-out and of the other texts, start and end token included.

    Raises:
        InputError: fewer than twice as many texts as are held out.
    """
    texts = [text.text for text in retain.texts]
    if len(texts) < 2 * held_out:
        raise InputError(
            f"retain corpus {retain.name!r} has {len(texts)} texts; "
            f"at least {2 * held_out} are needed ({held_out} of them to measure the damage)"
        )
    random.Random(0).shuffle(texts)
    end = [] if language_model.end_id is None else [language_model.end_id]
    encoded = language_model.tokenizer(
        texts, add_special_tokens=False, truncation=True, max_length=RETAIN_TOKENS - 1 - len(end)
    )["input_ids"]
    sequences = [[language_model.start_id, *ids, *end] for ids in encoded if ids]
    return sequences[:held_out], sequences[held_out:]


def _measure(
    language_model: LanguageModel, sequences: Sequence[Sequence[int]]
) -> Callable[[], float]:
    """The perplexity of the model as it is when called: of every token, or of hidden ones."""
    return lambda: perplexity(language_model, sequences)


def _interleaved(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """As many of either, in turn."""
    return [ids for pair in zip(first, second, strict=False) for ids in pair]


def _facts(
    corpus: Corpus, role: Literal["retain", "held-out"], ids: list[list[int]]
) -> CorpusFacts:
    return CorpusFacts(corpus.name, role, len(ids), sum(len(i) - 1 for i in ids))


def _method(config: UnlearningConfig) -> dict[str, Any]:
    return {
        "objective": config.objective,
        "selection": config.selection,
        "context": config.context,
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
        "lora": {"rank": config.lora_rank, "alpha": config.lora_alpha}
        if config.lora_rank
        else None,
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
