"""Train at full strength: no budget, no early stopping, no interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transformers import TrainerCallback

from fairforget.methods.method import MethodOptions
from fairforget.models.encoding import encode_texts, end_ids
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries
from fairforget.objectives import NOTHING
from fairforget.settings import DebiasSettings
from fairforget.targets import Targets
from fairforget.terminal.progress import progress_bar
from fairforget.training.adapters import apply_adapter, reference_for
from fairforget.training.added_texts import Answers
from fairforget.training.config import UnlearningConfig
from fairforget.training.from_settings import training_config
from fairforget.training.progress import TrainingProgress, remove_default_progress
from fairforget.training.restore import restore_settings
from fairforget.training.trainability import check_trainable
from fairforget.training.trainer import UnlearningTrainer
from fairforget.training.weights import negate_update

OPTIONS = ("steps", "batch_size", "learning_rate")
"""The options that are also settings of `unlearn`."""
STEPS, BATCH_SIZE, LEARNING_RATE = 40, 16, 5e-5
"""Of continued pre-training, unless the options say otherwise."""
MAX_ALPHA = math.inf
"""Maximum interpolation factor of a trained update: the budget alone limits it."""
MAX_TOKENS = 128
"""Maximum number of tokens of a training text, including the start and end token."""


def given_options(options: MethodOptions) -> dict[str, Any]:
    """Return those options in `OPTIONS` that have a value."""
    values = {name: getattr(options, name) for name in OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def train(
    language_model: LanguageModel,
    targets: Sequence[Targets],
    retain: Sequence[Sequence[int]],
    config: UnlearningConfig,
    label: str,
    callbacks: Sequence[TrainerCallback] = (),
    answers: Answers | None = None,
) -> None:
    """Train in place for all steps and keep the trained weights.

    Args:
        language_model: causal or masked. Afterwards it is in eval mode; its configuration and
            `requires_grad` are restored.
        targets: the encoded forget texts.
        retain: token ids of the retain texts.
        config: the training settings.
        label: label of the progress bar.
        callbacks: additional callbacks of the trainer.
        answers: as for `UnlearningTrainer`.

    Raises:
        InputError: the model cannot be trained (`check_trainable`), or a loss is not finite.
    """
    check_trainable(language_model)
    model = language_model.model
    model.to(config.device)  # type: ignore[arg-type]
    with (
        silence_libraries(),
        restore_settings(model),
        apply_adapter(model, config) as original,
        progress_bar(label, config.max_steps) as advance,
    ):
        trainer = UnlearningTrainer(
            model,
            config,
            targets,
            retain,
            processing_class=language_model.tokenizer,
            ref_model=reference_for(model, original, config),
            callbacks=[TrainingProgress(advance), *callbacks],
            answers=answers,
        )
        remove_default_progress(trainer)
        trainer.train()
        if config.load_objective().negated:
            negate_update(model, original)


def training_settings(options: MethodOptions) -> DebiasSettings:
    """Return the settings of continued pre-training."""
    settings = DebiasSettings(
        objective=NOTHING,
        retain_loss="nll",
        retain_loss_weight=1.0,
        retain_per_forget=1,
        retain_groups=False,
        steps=STEPS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        seed=options.seed,
    )
    return replace(settings, **given_options(options))


def train_on(
    language_model: LanguageModel,
    texts: Sequence[str],
    options: MethodOptions,
    label: str,
    callbacks: Sequence[TrainerCallback] = (),
    **arguments: Any,
) -> LanguageModel:
    """Continue pre-training in place on texts, with the NLL of every token as the only loss.

    A masked model predicts 15 % of the tokens, always the same ones of a text. The texts are
    reshuffled in each epoch, in an order that depends only on the seed.

    Args:
        language_model: causal or masked.
        texts: the training texts; each is cut to `MAX_TOKENS`.
        options: steps, texts per step, learning rate and seed.
        label: label of the progress bar.
        callbacks: as for `train`.
        **arguments: further training arguments of transformers, such as the learning rate schedule.

    Returns:
        The same object.

    Raises:
        InputError: as for `train`.
    """
    config = training_config(
        training_settings(options),
        None,
        device=language_model.device,
        **arguments,
    )
    sequences = encode_texts(language_model, texts, MAX_TOKENS)
    end = end_ids(language_model)
    # The trainer needs a forget text. Its loss is 0 with the objective `none`, so it is short.
    empty = Targets(tuple(sequences[0][:2] + end), (False, True, *[False] * len(end)))
    train(language_model, [empty], sequences, config, label, callbacks)
    return language_model
