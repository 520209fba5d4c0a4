"""A model with what belongs to it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models.kind import Kind


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model with what belongs to it: everything downstream takes this one object."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str
    """What the user asked for."""
    kind: Kind
    start_token: str
    """The token that stands before the first word of a text (`<|endoftext|>` for GPT-2)."""

    @property
    def start_id(self) -> int:
        """The id of the start token."""
        found = self.tokenizer.convert_tokens_to_ids(self.start_token)
        assert isinstance(found, int)
        return found

    @property
    def end_id(self) -> int | None:
        """The id of the token that closes a text, of a masked model."""
        return self.tokenizer.sep_token_id if self.kind == "masked" else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def longest_input(self) -> int:
        """How many tokens the model takes at once, as configuration and tokenizer say."""
        config = self.model.config.get_text_config()
        known = getattr(config, "max_position_embeddings", None)
        known = known or getattr(config, "n_positions", None)
        # RoBERTa's table of positions is longer than its inputs may be; its tokenizer knows
        return int(min(known or sys.maxsize, self.tokenizer.model_max_length))

    def need_causal(self, what: str) -> None:
        """Refuse a masked model.

        Args:
            what: needs a causal one, for the message.

        Raises:
            InputError: it is masked.
        """
        if self.kind != "causal":
            raise InputError(f"{what} needs a causal model; {self.source!r} is masked")

    @property
    def parameters(self) -> int:
        """The number of weights, shared ones counted once."""
        return sum(p.numel() for p in self.model.parameters())
