"""Reject models and settings that cannot be trained, before anything long is computed."""

from __future__ import annotations

import math
from contextlib import suppress
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from fairforget.errors import InputError
from fairforget.forward.padding import check_padding
from fairforget.models.adapter_directory import has_adapter
from fairforget.models.decoding import reject_changed_decoding
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries, summarize
from fairforget.objectives.trait_words import find_trait_words
from fairforget.training.config import UnlearningConfig
from fairforget.training.restore import differs_in_training
from fairforget.training.step_loss import check_losses


def check_training_dtype(dtype: str | torch.dtype | None) -> None:
    """Reject float16, whose range is too small for training.

    Raises:
        InputError: the dtype is float16.
    """
    if dtype in ("float16", torch.float16):
        raise InputError("dtype float16 cannot be trained; choose float32 or bfloat16")


def check_trainable(language_model: LanguageModel) -> None:
    """Reject models that cannot be trained.

    Raises:
        InputError: the weights are float16 or quantised, which is too coarse for small updates, or
            frozen; the model has an adapter, a method that changes decoding, or generation settings
            with which it could not be saved; padding changes its predictions, or training mode does
            even without dropout.
    """
    check_training_dtype(language_model.model.dtype)
    reject_changed_decoding(language_model, "training")
    if has_adapter(language_model.model):
        raise InputError(
            f"model {language_model.source!r} has an unmerged adapter; save it with peft's "
            "save_pretrained and give that directory as the model: FairForget then merges it"
        )
    if not any(parameter.requires_grad for parameter in language_model.model.parameters()):
        raise InputError(
            f"model {language_model.source!r}: all its weights are frozen; call "
            "model.requires_grad_(True) first"
        )
    quantization = getattr(language_model.model.config, "quantization_config", None)
    if quantization is not None:
        settings = quantization if isinstance(quantization, dict) else quantization.to_dict()
        method = settings.get("quant_method", "unknown")
        raise InputError(
            f"model {language_model.source!r} is quantised ({method}); unlearn the model before "
            "quantisation, and quantise the result"
        )
    _check_generation_config(language_model)
    check_padding(language_model.model)
    if differs_in_training(language_model.model):
        raise InputError(
            f"model {language_model.source!r} cannot be trained: its predictions in training mode "
            "differ from those in evaluation mode, even without dropout"
        )


def _check_generation_config(language_model: LanguageModel) -> None:
    """Reject generation settings that transformers refuses to save, such as a temperature of 0."""
    generation = getattr(language_model.model, "generation_config", None)
    if generation is None:
        return
    try:
        # without a temporary directory, only saving the model tells
        with suppress(OSError), TemporaryDirectory() as directory, silence_libraries():
            generation.save_pretrained(directory)
    except ValueError as error:
        raise InputError(
            f"model {language_model.source!r} could not be saved after training: "
            f"{summarize(error)}; correct its generation_config"
        ) from error


def check_objective(language_model: LanguageModel, config: UnlearningConfig) -> None:
    """Raise what the first step would raise, before hours of evaluation.

    Raises:
        InputError: a loss does not return one value per token, or the tokenizer has no trait words
            although the objective needs them.
    """
    objective, device = config.load_objective(), language_model.device
    size = language_model.model.config.get_text_config().vocab_size
    log_probs = torch.full((2, size), -math.log(size), device=device)
    tokens = torch.arange(2, device=device)
    reference = log_probs.clone() if objective.needs_ref_model else None
    if objective.target is None:
        check_losses(objective.name, objective.loss(log_probs, tokens, reference), tokens)
        return
    words = find_trait_words(language_model.tokenizer, objective.name).to(device)
    neutral = torch.zeros(2, dtype=torch.bool, device=device)
    reference = objective.target(log_probs, log_probs.clone(), words, neutral)
    if not isinstance(reference, Tensor) or reference.shape != log_probs.shape:
        raise InputError(
            f"objective {objective.name!r}: its target does not return log-probabilities of the "
            "shape of its arguments, [n, vocabulary]; correct it"
        )
    check_losses(objective.name, objective.loss(log_probs, tokens, reference), tokens)
    for word_loss, gender_neutral in (
        (objective.target_word_loss, neutral),
        (objective.retain_word_loss, None),
    ):
        if word_loss is not None:
            losses = word_loss(log_probs, reference, words, gender_neutral)
            check_losses(f"{objective.name} (word loss)", losses, tokens)
