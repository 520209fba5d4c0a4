"""Unlearn: corpora in, a debiased model and the record of how it came about out."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.trainer_utils import SchedulerType

from fairforget.files.digest import hash_values
from fairforget.machine.processes import is_first, wait_for_all
from fairforget.models.fingerprint import describe_model
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries
from fairforget.objectives import CONSTANTS, OBJECTIVES
from fairforget.records.environment import environment
from fairforget.records.records import UnlearningRecord
from fairforget.scoring.perplexity import perplexity
from fairforget.terminal.progress import Advance, progress_bar
from fairforget.training.adapters import apply_adapter, reference_for
from fairforget.training.budget import Budget
from fairforget.training.checkpoints import claim_directory, remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.training.early_stopping import RATIO, UtilityEarlyStopping
from fairforget.training.interpolation import (
    EVERYDAY_PERPLEXITY,
    MAIN,
    NOTED,
    PerplexityConstraint,
    interpolate_to_budget,
    measure_after_rounding,
    negate_update,
    negated_update,
)
from fairforget.training.preparation import EVERYDAY, RETAIN, Corpus, Prepared, prepare
from fairforget.training.restore import restore_settings
from fairforget.training.sharding import gather, gathered_weights, is_sharding_requested
from fairforget.training.trainer import UnlearningTrainer, history_of, last_checkpoint

CHECK_TEXTS = {RETAIN: 16, EVERYDAY: 40}
"""Held-out texts that are looked at while training, and to find where to land."""
TRAINING = (
    *("lr_scheduler_kwargs", "warmup_steps", "optim", "optim_args", "weight_decay"),
    *("adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm"),
    *("neftune_noise_alpha", "optim_target_modules"),
    "precompute_ref_hidden_states",
)
"""Settings that shape the training of a run, if only by rounding, and that its record does not
name."""
NO_EVERYDAY_TEXTS = "measured without everyday sentences"


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
        config: how to train. Checkpoints go to `config.output_dir` and are removed at the end; a
            run that was cut off goes on from the last one there. Training stops early where the
            damage is far beyond the budget.
        budget: the damage allowed.
        everyday: everyday sentences to measure damage with; a part is held out likewise, the
            rest is retained along with `retain`. Without it, `budget.everyday_perplexity` says nothing.

    Returns:
        What was done.

    Raises:
        InputError: a corpus without targets, too few retain texts, or checkpoints of another run.
    """
    prepared = prepare(language_model, forget, retain, config, everyday=everyday)
    record = unlearn_prepared(language_model, prepared, config, budget=budget)
    wait_for_all()
    if is_first():
        remove_checkpoints(Path(str(config.output_dir)))
    wait_for_all()  # the next run may be told the same directory
    return record


def unlearn_prepared(
    language_model: LanguageModel,
    prepared: Prepared,
    config: UnlearningConfig,
    *,
    budget: Budget = Budget(),  # noqa: B008
    before: Mapping[str, float] | None = None,
) -> UnlearningRecord:
    """`unlearn` with corpora that are tokenised already; it leaves the checkpoints.

    `before`: the original's perplexities on the held-out texts, where an earlier run measured them.
    """
    names = {RETAIN: MAIN, EVERYDAY: EVERYDAY_PERPLEXITY}
    allowed = {RETAIN: budget.perplexity, EVERYDAY: budget.everyday_perplexity}
    facts = describe_model(language_model)  # of the original, while it is that
    data = prepared.fingerprint()
    limits = [allowed[kind] for kind in prepared.held_out]  # training may stop early at them
    sharded = is_sharding_requested()
    seen = (data, prepared.held_out, limits, facts.weights, facts.dtype, describe_method(config))
    run = hash_values((*seen, [getattr(config, name) for name in TRAINING], sharded))
    claim_directory(Path(str(config.output_dir)), run)

    def damages(most: dict[str, int]) -> dict[str, PerplexityConstraint]:
        """Measured on at most so many held-out texts of each kind; where it names none, on all."""
        return {
            names[kind]: PerplexityConstraint(
                partial(perplexity, language_model, texts[: most.get(kind)]), allowed[kind]
            )
            for kind, texts in prepared.held_out.items()
        }

    start = time.perf_counter()
    model = language_model.model
    negated = OBJECTIVES[config.objective].negated
    if not sharded:
        model.to(config.device)  # type: ignore[arg-type]  # where Trainer would move it later
    apart = sharded or config.precompute_ref_hidden_states
    with restore_settings(model), apply_adapter(model, config, apart=apart) as original:
        student = copy.deepcopy(model) if sharded else model
        shared = None if apart or config.lora_rank else reference_for(model, original)

        @contextmanager
        def result_shown() -> Iterator[None]:
            """The model is what would come of the training so far, before landing."""
            trained = gathered_weights(model, trainer, original) if sharded else nullcontext()
            turned = negated_update(model, original) if negated else nullcontext()
            with trained, turned:
                yield

        with silence_libraries():
            watch = UtilityEarlyStopping(
                damages(CHECK_TEXTS), lambda ratios: trainer.note(ratios), result_shown
            )
            trainer = UnlearningTrainer(
                student,
                config,
                prepared.targets,
                prepared.retain,
                processing_class=language_model.tokenizer,
                ref_model=model if sharded else shared,
                callbacks=[watch],
            )
            for other in (ProgressCallback, PrinterCallback):
                trainer.remove_callback(other)
            checkpoint = last_checkpoint(config)
            if checkpoint and watch.stopped(history_of(checkpoint)):
                trainer.restore(checkpoint)  # and go no further
            else:
                if config.precompute_ref_hidden_states:
                    with progress_bar("Asking the original", config.texts_of_a_run) as asked:
                        trainer.precompute_ref_hidden_states(asked)
                with progress_bar("Unlearning", config.max_steps) as advance:
                    trainer.add_callback(_Bar(advance))
                    trainer.train(resume_from_checkpoint=checkpoint)
        trainer.remove_callback(watch)  # which knows the trainer: its memory is freed at once
        if sharded:
            gather(trainer, model)
        model.eval()
        if negated:
            negate_update(model, original)
        trained = time.perf_counter()
        with progress_bar("Landing on the budget") as landing:
            reached = interpolate_to_budget(
                model,
                original,
                damages({}),
                rough=damages(CHECK_TEXTS),
                before=before,
                max_alpha=budget.max_alpha,
                progress=landing,
            )
    if config.lora_rank and model.dtype != torch.float32:
        reached = measure_after_rounding(reached, damages({}))
    landed = time.perf_counter()
    if EVERYDAY not in prepared.held_out:
        reached = replace(reached, note=NOTED.join(filter(None, (reached.note, NO_EVERYDAY_TEXTS))))
    return UnlearningRecord(
        model=facts,
        method=describe_method(config) | _stopped(trainer.state.global_step, config.max_steps),
        corpora=prepared.facts,
        budget=reached,
        history=[row for row in trainer.state.log_history if "train_loss" not in row],
        environment=environment(str(language_model.device), config.world_size),
        seconds={
            "training": round(trained - start, 2),
            "interpolation": round(landed - trained, 2),
        },
        overlap=prepared.overlap,
        data=data,
    )


def describe_method(config: UnlearningConfig) -> dict[str, Any]:
    """What a record says of how the model was trained.

    Constants of the objective where they are not as published, and mixed precision where there is.
    """
    objective = OBJECTIVES[config.objective]
    method = {
        "objective": config.objective,
        "selection": config.selection,
        "context": config.context,
        "counterfactual": config.counterfactual,
        "retain_loss": config.retain_loss,
        "retain_loss_weight": config.retain_loss_weight,
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
    for name in CONSTANTS:
        if (value := getattr(config, name)) is not None and value != getattr(objective, name):
            method[name] = value
    if config.mixed_precision != "no":
        method["mixed_precision"] = config.mixed_precision
    return method


def _stopped(steps: int, of: int) -> dict[str, int]:
    """How many steps were done, where they are fewer than were asked for."""
    return {"steps_done": steps} if steps < of else {}


class _Bar(TrainerCallback):
    """Moves a progress bar with the steps of training, and says what was logged last."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.step = 0
        self.losses = self.damage = ""

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
        logs = logs or {}
        if "forget" in logs:
            retain = f", retain {logs['retain']:.3f}" if "retain" in logs else ""
            likelihood = f", p of targets {logs['likelihood']:.2g}"
            self.losses = f"forget {logs['forget']:.3f}{retain} nats{likelihood}"
        damages = {name: logs.get(RATIO.format(name)) for name in (MAIN, EVERYDAY_PERPLEXITY)}
        if shown := [f"{name} × {ratio:.3f}" for name, ratio in damages.items() if ratio]:
            self.damage = ", ".join(shown)
        self.advance(0, ", ".join(filter(None, (self.losses, self.damage))))
