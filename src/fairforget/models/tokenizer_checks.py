"""Check that a tokenizer gives what FairForget needs, and belongs to its model."""

from __future__ import annotations

import json
import math

from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models import Kind
from fairforget.models.language_model import LanguageModel

CHECKED = "fairforget_checks_tokens"
"""Attribute of embeddings that are checked, so that a model that is wrapped again is not twice."""
FEWEST_TOKENS = 3
"""Length of the shortest text: a start token, a token and an end token."""


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, kind: Kind, name: str) -> None:
    """Check that a tokenizer gives what FairForget needs.

    Raises:
        InputError: it has no character offsets, no vocabulary, no maximum length or, for a masked
            model, no mask or separator token.
    """
    if not tokenizer.is_fast:
        raise InputError(
            f"model {name!r}: its tokenizer has no character offsets; "
            "save a fast tokenizer (tokenizer.json) with the model"
        )
    # if the files are missing, transformers makes a tokenizer with nothing but special tokens
    if not {*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids}:
        raise InputError(
            f"model {name!r}: it has no tokenizer; save one with it (tokenizer.save_pretrained)"
        )
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or not longest >= FEWEST_TOKENS:
        raise InputError(
            f"model {name!r}: model_max_length of its tokenizer is {longest!r}; "
            f"it must be a number of tokens, at least {FEWEST_TOKENS}"
        )
    for role in ("mask", "sep") if kind == "masked" else ():
        if getattr(tokenizer, f"{role}_token_id") is None:
            raise InputError(
                f"model {name!r} is masked, but its tokenizer has no {role} token; set it in "
                "tokenizer_config.json"
            )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Check that a tokenizer can belong to a model.

    Tokens that were added to it may lack an embedding; some published models never use theirs.

    Raises:
        InputError: it has more tokens, without added ones, than the model has embeddings.
    """
    embeddings = _count_embeddings(model)
    if tokenizer.vocab_size > embeddings:
        raise InputError(
            f"model {name!r}: its tokenizer has {tokenizer.vocab_size} tokens, but the model has "
            f"only {embeddings:.0f} embeddings; use the tokenizer that was trained with the model"
        )


def check_start_token(language_model: LanguageModel) -> LanguageModel:
    """Return a model after a check that it has an embedding of its start token.

    Raises:
        InputError: it has none.
    """
    if language_model.start_id >= _count_embeddings(language_model.model):
        raise InputError(
            f"model {language_model.source!r} has no embedding for the start token "
            f"{language_model.start_token!r}; choose another with --start_token"
        )
    return language_model


def reject_tokens_without_embedding(language_model: LanguageModel) -> LanguageModel:
    """Return a model that raises `InputError` when it reads a token that it has no embedding for.

    Otherwise a text with such an added token would end in an `IndexError`, or on a GPU in an
    assertion that stops the process.
    """
    tokenizer, embeddings = language_model.tokenizer, _count_embeddings(language_model.model)

    def check(_: Module, inputs: tuple[Tensor, ...]) -> None:
        largest = int(inputs[0].max()) if inputs[0].numel() else 0
        if largest >= embeddings:
            raise InputError(
                f"a text contains {tokenizer.convert_ids_to_tokens(largest)!r}, a token that model "
                f"{language_model.source!r} has no embedding for; remove it from the text"
            )

    layer = language_model.model.get_input_embeddings()
    if len(tokenizer) > embeddings and not getattr(layer, CHECKED, False):
        layer.register_forward_pre_hook(check)
        setattr(layer, CHECKED, True)
    return language_model


def _count_embeddings(model: PreTrainedModel) -> float:
    """Return the number of tokens that have one; infinite if the configuration does not say."""
    return float(getattr(model.config.get_text_config(), "vocab_size", math.inf))


def splitting_rules(tokenizer: PreTrainedTokenizerBase) -> list[object]:
    """Return how a fast tokenizer splits texts, apart from added tokens."""
    saved = json.loads(tokenizer.backend_tokenizer.to_str())
    return [saved["normalizer"], saved["pre_tokenizer"], saved["model"]]
