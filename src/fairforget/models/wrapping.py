"""Wrap a transformers model that is already in memory."""

from __future__ import annotations

import copy

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models import Kind
from fairforget.models.adapter_directory import has_adapter
from fairforget.models.kind import check_kind, detect_kind
from fairforget.models.language_model import LanguageModel, select_start_token
from fairforget.models.tokenizer_checks import (
    check_start_token,
    check_tokenizer,
    check_vocabulary,
    reject_tokens_without_embedding,
)


def wrap_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str | None = None,
    start_token: str | None = None,
) -> LanguageModel:
    """Wrap a transformers model that is already in memory.

    Args:
        model: a causal or masked language model with its head. It is not copied, so `debias`
            changes its weights.
        tokenizer: the tokenizer of the model.
        name: the name of the model in records and messages. Default: the path or hub id that it
            was loaded from, or else its class name.
        start_token: the token prepended to every text. Default: see `select_start_token`.

    Raises:
        InputError: the model is neither causal nor masked, predicts tokens from later ones or has
            an adapter; or the tokenizer does not fit. The returned model also raises it if a text
            contains a token without an embedding.

    Examples:
        >>> model = wrap_model(AutoModelForCausalLM.from_pretrained("gpt2"), tokenizer)
        >>> run = debias(model, forget="builtin:gender")
    """
    for given, role, base in (
        (model, "model", PreTrainedModel),
        (tokenizer, "tokenizer", PreTrainedTokenizerBase),
    ):
        if not isinstance(given, base):
            raise InputError(
                f"{role} must be a transformers.{base.__name__}, not {type(given).__name__}"
            )
    architecture = type(model).__name__
    name = name or model.name_or_path or architecture
    if model.get_output_embeddings() is None or architecture.endswith("ForPreTraining"):
        raise InputError(
            f"model {name!r} is a {architecture}, which is not a language model; load it with "
            "AutoModelForCausalLM or AutoModelForMaskedLM"
        )
    if has_adapter(model):
        raise InputError(f"model {name!r} has an adapter; merge it first (merge_and_unload)")
    config = copy.copy(model.config)
    config.architectures = [architecture]  # the configuration names that of the checkpoint
    kind = detect_kind(config, name)
    prepare(model, tokenizer, kind, name)
    start = select_start_token(tokenizer, kind, start_token, name)
    return reject_tokens_without_embedding(
        check_start_token(LanguageModel(model, tokenizer, name, kind, start))
    )


def prepare(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, kind: Kind, name: str
) -> None:
    """Check a model and its tokenizer, and keep RWKV from dividing its weights.

    Raises:
        InputError: the tokenizer does not fit, or a causal model predicts tokens from later ones.
    """
    check_tokenizer(tokenizer, kind, name)
    check_vocabulary(model, tokenizer, name)
    if model.config.model_type == "rwkv":  # it would divide its weights at the first use
        model.config.rescale_every = 0
    check_kind(model, kind, name)
