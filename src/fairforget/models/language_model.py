"""A model with its tokenizer and its start token."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models import Kind

CHAT_MARKERS = {"<|im_start|>", "<|im_end|>"}
DOCUMENT_SEPARATOR = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model with its tokenizer and its start token, as all functions of FairForget accept it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str
    """Name or path that the model was loaded from."""
    kind: Kind
    start_token: str
    """Token prepended to a text (`<|endoftext|>` for GPT-2)."""

    def __repr__(self) -> str:
        size = self.model.num_parameters() / 1e6
        return f"LanguageModel({self.source!r}, {self.kind}, {size:,.0f} M parameters)"

    @property
    def start_id(self) -> int:
        """Id of the start token."""
        token_id = self.tokenizer.convert_tokens_to_ids(self.start_token)
        assert isinstance(token_id, int)
        return token_id

    @property
    def end_id(self) -> int | None:
        """Id of the token appended to a text; None for a causal model."""
        return self.tokenizer.sep_token_id if self.kind == "masked" else None

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.model.device

    @property
    def longest_input(self) -> int:
        """Maximum number of input tokens, according to configuration and tokenizer."""
        config = self.model.config.get_text_config()
        positions = getattr(config, "max_position_embeddings", None)
        positions = positions or getattr(config, "n_positions", None) or sys.maxsize
        return int(min(positions - self._unused_positions, self.tokenizer.model_max_length))

    @property
    def _unused_positions(self) -> int:
        """Number of positions that no token uses: RoBERTa starts after the position of padding."""
        embeddings = getattr(self.model.base_model, "embeddings", None)
        padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
        return 0 if padding is None else padding + 1

    def need_causal(self, what: str) -> None:
        """Raise an error if the model is masked.

        Args:
            what: what needs a causal model, for the message.

        Raises:
            InputError: the model is masked.
        """
        if self.kind != "causal":
            raise InputError(f"{what} needs a causal model; {self.source!r} is a masked one")

    @property
    def parameters(self) -> int:
        """Number of weights; shared weights count once."""
        return sum(p.numel() for p in self.model.parameters())


def check_model(model: object) -> None:
    """Check that a model is given by its name or path, or as a `LanguageModel`.

    Raises:
        InputError: it is not.
    """
    if not isinstance(model, LanguageModel | str | os.PathLike):
        raise InputError(
            f"model must be a name, a path or a LanguageModel, not {type(model).__name__}; "
            "wrap a transformers model with fairforget.wrap_model"
        )


def select_start_token(
    tokenizer: PreTrainedTokenizerBase, kind: Kind, token: str | None, name: str
) -> str:
    """Return the given start token, else the tokenizer's BOS, EOS, document separator or CLS token.

    The first of them that is in the vocabulary and is not a chat marker: a base text does not start
    with `<|im_start|>`, which SmolLM2's tokenizer names as BOS. The harness lm-eval takes BOS, else
    EOS, even a chat marker (its `prefix_token_id`); pass that token to match its scores. A masked
    model's texts start with CLS if there is one.

    Args:
        tokenizer: the vocabulary that must contain the token.
        kind: of the model.
        token: the user's choice, or None.
        name: of the model, for messages.

    Raises:
        InputError: the token is not in the vocabulary, or the tokenizer has none.
    """
    vocabulary = tokenizer.get_vocab()
    if token is not None:
        if token not in vocabulary:
            raise InputError(
                f"start token {token!r} is not in the vocabulary of {name!r}; choose another"
            )
        return token
    candidates = [tokenizer.bos_token, tokenizer.eos_token, DOCUMENT_SEPARATOR]
    candidates.insert(0 if kind == "masked" else len(candidates), tokenizer.cls_token)
    for candidate in candidates:
        if candidate in vocabulary and candidate not in CHAT_MARKERS:
            return str(candidate)
    raise InputError(
        f"model {name!r}: its tokenizer has no start token; give one with --start_token"
    )


def check_length(
    language_model: LanguageModel, lengths: Sequence[int], names: Sequence[str]
) -> None:
    """Check that all texts fit the model's context length.

    Raises:
        InputError: one has more tokens.
    """
    limit = language_model.longest_input
    for length, name in zip(lengths, names, strict=True):
        if length > limit:
            raise InputError(
                f"{name}: {length} tokens are more than the {limit} that {language_model.source} "
                "accepts; shorten it"
            )
