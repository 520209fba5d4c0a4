"""`unlearn`: train on prepared corpora, then interpolate the weights to the budget."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers import TrainerState

from fairforget.budget import Budget
from fairforget.errors import InputError
from fairforget.files.digest import hash_values
from fairforget.machine.processes import is_first, wait_for_all
from fairforget.machine.stages import stage
from fairforget.models.fingerprint import describe_model
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries
from fairforget.objectives.inputs import list_inputs
from fairforget.objectives.retain import FACT_CONSTANTS
from fairforget.records.environment import environment
from fairforget.records.records import BudgetFacts, UnlearningRecord
from fairforget.terminal.progress import progress_bar
from fairforget.training.adapters import apply_adapter, reference_for, save_adapter
from fairforget.training.checkpoints import (
    claim_directory,
    find_last_complete,
    history_of,
    remove_later,
    seconds_of,
)
from fairforget.training.early_stopping import (
    EARLY_STOPPING,
    UNBOUNDED,
    WITH_MINIMUM,
    UtilityEarlyStopping,
)
from fairforget.training.interpolation import (
    interpolate_to_movement,
    measure_after_rounding,
    original_perplexities,
)
from fairforget.training.limits import CHECK_TEXTS, Limits, allowed_ratios
from fairforget.training.method import describe_method, describe_run
from fairforget.training.original import Original
from fairforget.training.preparation import Prepared
from fairforget.training.progress import TrainingProgress, remove_default_progress
from fairforget.training.restore import restore_settings
from fairforget.training.sharding import gather, gathered_weights, is_sharding_requested
from fairforget.training.trainer import UnlearningTrainer
from fairforget.training.weights import negate_update, negated_update

TRAINING = (
    *("lr_scheduler_kwargs", "warmup_steps", "optim", "optim_args", "weight_decay"),
    *("adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm"),
    *("neftune_noise_alpha", "optim_target_modules"),
    "precompute_ref_hidden_states",
)
"""Settings that change the training, if only by rounding, and that the record does not name."""


@dataclass(frozen=True, slots=True)
class _Trained:
    """What training leaves besides the trained weights."""

    state: TrainerState
    few: dict[float, dict[str, float]]
    """α → perplexities on few texts, with the original (0) and with the trained weights (1)."""
    earlier: float
    """Seconds that earlier sessions of the run took."""
    ended: float
    """Value of `time.perf_counter` at the end."""


def unlearn(
    language_model: LanguageModel,
    prepared: Prepared,
    *,
    budget: Budget = Budget(),  # noqa: B008
    known: Original | None = None,
    movement: float | None = None,
    adapter: Path | None = None,
) -> UnlearningRecord:
    """Unlearn in place: train, then interpolate the weights to the budget.

    Checkpoints are written to `output_dir` of the settings and kept; an interrupted run resumes
    from the last one. Training stops early where the utility loss is far beyond the budget.

    Args:
        language_model: causal or masked; its weights are changed.
        prepared: the tokenised corpora and the training settings, from `prepare`.
        budget: limits on utility loss, movement and the likelihood of harmful words.
        known: facts about the original model that earlier runs measured; missing ones are added.
        movement: interpolate to this mean KL divergence from the original, in nats per token, and
            not to the budget.
        adapter: the directory in which to save the LoRA adapter, if there is one.

    Returns:
        The record, without the command that made it.

    Raises:
        InputError: the checkpoints belong to another run, a loss is not finite, or a movement is
            asked of a model whose movement cannot be measured.
    """
    config = prepared.config
    facts = describe_model(language_model)  # before its weights change
    data = prepared.fingerprint()
    allowed = allowed_ratios(prepared.held_out, budget)  # training may stop early at them
    sharded = is_sharding_requested()
    seen = (data, prepared.held_out, allowed, facts.weights, facts.dtype, describe_method(config))
    constants = (EARLY_STOPPING, FACT_CONSTANTS, *list_inputs(config.load_objective()))
    run = hash_values((*seen, [getattr(config, name) for name in TRAINING], sharded, *constants))
    claim_directory(config.checkpoints, run)
    start = time.perf_counter()
    limits = Limits(language_model, prepared.held_out, budget, known or Original())
    model = language_model.model
    if not sharded:
        model.to(config.device)  # type: ignore[arg-type]  # as Trainer does later
    limits.measure_original()
    if movement is not None and limits.known.states is None:
        raise InputError(
            "the movement of this model cannot be measured, as its head needs more than the hidden "
            "states; use --match perplexity"
        )
    apart = sharded or config.precompute_ref_hidden_states
    with restore_settings(model), apply_adapter(model, config, apart=apart) as original:
        trained = _train(limits, original, prepared, sharded=sharded)
        reached, risen = _interpolate(limits, original, trained.few, movement)
        limits.known.perplexities = original_perplexities(reached)
        if adapter and config.lora_rank and is_first():
            save_adapter(language_model, adapter)
    if config.lora_rank and model.dtype != torch.float32:
        reached = measure_after_rounding(reached, limits.constraints(), limits.bounds())
        risen = {}
    with stage("interpolating"):
        reached = limits.complete(reached, risen)
    interpolated = time.perf_counter()
    return UnlearningRecord(
        model=facts,
        method=describe_run(config, trained.state.global_step),
        corpora=prepared.facts,
        budget=reached,
        history=[row for row in trained.state.log_history if "train_loss" not in row],
        environment=environment(str(language_model.device), config.world_size),
        seconds={
            "training": round(trained.earlier + trained.ended - start, 2),
            "interpolation": round(interpolated - trained.ended, 2),
        },
        overlap=prepared.overlap,
        data=data,
    )


def _train(
    limits: Limits,
    original: Mapping[str, Tensor],
    prepared: Prepared,
    *,
    sharded: bool,
) -> _Trained:
    """Train in place, or resume training, until the last step or until it stops early.

    Args:
        limits: on a model that ends with the trained weights, in eval mode. Those on a few texts
            stop training early; the original's perplexities on them are added.
        original: the original weights, from `apply_adapter`.
        prepared: the tokenised corpora and the training settings.
        sharded: train a sharded copy, and gather its weights.
    """
    language_model, known, config = limits.language_model, limits.known, prepared.config
    model = language_model.model
    objective = config.load_objective()
    student = copy.deepcopy(model) if sharded else model
    ref_model = model if sharded else reference_for(model, original, config)

    @contextmanager
    def current_result() -> Iterator[None]:
        """Put the weights that training has reached so far into `model`."""
        gathered = gathered_weights(model, trainer, original) if sharded else nullcontext()
        negation = negated_update(model, original) if objective.negated else nullcontext()
        with gathered, negation:
            yield

    with silence_libraries():
        early_stopping = UtilityEarlyStopping(
            limits.constraints(CHECK_TEXTS),
            lambda ratios: trainer.note(ratios),
            current_result,
            before=known.few,
            pace=WITH_MINIMUM if objective.needs_counterfactual else UNBOUNDED,
        )
        known.few = early_stopping.before
        trainer = UnlearningTrainer(
            student,
            config,
            prepared.targets,
            prepared.retain,
            processing_class=language_model.tokenizer,
            ref_model=ref_model,
            callbacks=[early_stopping],
            answers=prepared.answers,
        )
        remove_default_progress(trainer)
        checkpoint = find_last_complete(config.checkpoints)
        wait_for_all()
        if is_first():
            remove_later(config.checkpoints, checkpoint)
        earlier = seconds_of(checkpoint) if checkpoint else 0.0
        trainer.began -= earlier
        if checkpoint and early_stopping.has_stopped(history_of(checkpoint)):
            trainer.restore(checkpoint)  # training had stopped early
        else:
            if config.precompute_ref_hidden_states:
                with progress_bar("Running the reference", config.texts_of_a_run) as advance:
                    trainer.precompute_ref_hidden_states(advance)
            with progress_bar("Unlearning", config.max_steps) as advance:
                trainer.add_callback(TrainingProgress(advance))
                trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.remove_callback(early_stopping)  # it refers to the trainer: frees its memory now
    if sharded:
        gather(trainer, model)
    model.eval()
    if objective.negated:
        negate_update(model, original)
    ended = time.perf_counter()
    after = early_stopping.last_at(trainer.state.global_step) or early_stopping.evaluate()
    few = {0.0: early_stopping.before, 1.0: after}
    return _Trained(trainer.state, few, earlier, ended)


def _interpolate(
    limits: Limits,
    original: Mapping[str, Tensor],
    few: Mapping[float, Mapping[str, float]],
    movement: float | None,
) -> tuple[BudgetFacts, Mapping[str, float]]:
    """Interpolate the weights to the budget, or to a movement if one is given.

    Args:
        limits: on the model, which has the trained weights.
        original: the original weights.
        few: α → perplexities on the small sample of texts, for α = 0 and 1.
        movement: as for `unlearn`.

    Returns:
        The results of `interpolate_to_budget`; pass both to `Limits.complete`.
    """
    known = limits.known
    with stage("interpolating"), progress_bar("Interpolating", unit="evaluation") as advance:
        if movement is None:
            return limits.interpolate(original, few=few, progress=advance)
        assert known.states is not None  # checked before training
        model = limits.language_model.model
        reached = interpolate_to_movement(
            model,
            original,
            limits.constraints(),
            partial(known.states.divergence, model),
            movement,
            trained={name: few[1.0][name] / few[0.0][name] for name in few[0.0]},
            before=known.perplexities,
            max_alpha=limits.budget.max_alpha,
            progress=advance,
        )
        return reached, {}
