"""Wrap a transformers model that is already in memory."""

from __future__ import annotations

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
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
    """Wrap a transformers model that is already in memory, after the checks of `load_model`.

    Args:
        model: a causal or masked language model with its head; it is not copied.
        tokenizer: the tokenizer of the model.
        name: the name of the model in records and messages. Default: the path or hub id that it
            was loaded from, or else its class name.
        start_token: the token prepended to every text. Default: see `select_start_token`.

    Raises:
        InputError: the model is neither causal nor masked, predicts tokens from later ones, or the
            tokenizer does not fit. The returned model also raises it if a text contains a token
            without an embedding.
        TypeError: the model is not a transformers.PreTrainedModel.

    Examples:
        >>> model = wrap_model(AutoModelForCausalLM.from_pretrained("gpt2"), tokenizer)
        >>> run = debias(model, forget="builtin:gender")
    """
    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"model must be a transformers.PreTrainedModel, not {type(model).__name__}")
    architecture = type(model).__name__
    name = name or model.name_or_path or architecture
    if model.get_output_embeddings() is None:
        raise InputError(
            f"model {name!r} is a {architecture}, which has no language modelling head; load it "
            "with AutoModelForCausalLM or AutoModelForMaskedLM"
        )
    is_masked = architecture.endswith("ForMaskedLM")
    kind = "masked" if is_masked else detect_kind(model.config, name)
    check_tokenizer(tokenizer, kind, name)
    check_vocabulary(model, tokenizer, name)
    check_kind(model, kind, name)
    start = select_start_token(tokenizer, kind, start_token, name)
    return reject_tokens_without_embedding(
        check_start_token(LanguageModel(model, tokenizer, name, kind, start))
    )
