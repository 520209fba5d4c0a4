"""A causal model that reads each text after one or more prefixes, scored like any other model.

The output at a position predicts the next token, given the prefix and the text so far. FairForget
packs texts into prefix trees and runs the head only where needed (`fairforget.forward`); this model
supports both.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from fairforget.errors import InputError
from fairforget.forward.packing import LOCAL_SPANS
from fairforget.forward.split_forward import logits_at
from fairforget.methods.prefixed_body import Prefix, PrefixedBody
from fairforget.models.decoding import DECODING
from fairforget.models.language_model import LanguageModel

Combine = Callable[[Sequence[Tensor]], Tensor]
"""Logits after each prefix, each [n, vocabulary] → combined logits [n, vocabulary]."""

SHORTEST_CONTEXT = 32
"""Minimum number of tokens that must remain for a text after the longest prefix."""


class PrefixedModel(PreTrainedModel, GenerationMixin):
    """A causal model with prefixes in its context.

    It generates without a cache: each new token costs a forward pass over the whole text. It has no
    weights of its own and cannot be saved. Its configuration contains the context length
    that remains after the longest prefix, and the prefixes, so that its fingerprint differs from
    that of the original.
    """

    base_model_prefix = "body"

    def __init__(
        self,
        original: PreTrainedModel,
        prefixes: Sequence[Prefix],
        start_id: int,
        combine: Combine | None,
        decoding: dict[str, Any],
    ) -> None:
        """Wrap a model.

        Args:
            original: a causal model; it is not copied.
            prefixes: one forward pass each, as for `PrefixedBody`.
            start_id: the start token.
            combine: combines the logits after each prefix; None if there is one prefix.
            decoding: the method and its settings, for the fingerprint.
        """
        config = copy.deepcopy(original.config)
        longest = max(len(prefix or ()) for prefix in prefixes)
        text = config.get_text_config()
        for name in ("max_position_embeddings", "sliding_window", *LOCAL_SPANS):
            limit = getattr(text, name, None)
            if isinstance(limit, int) and limit > 0:
                setattr(text, name, max(1, limit - longest))
        setattr(config, DECODING, decoding)
        nn.Module.__init__(self)  # the original has chosen its attention and its experts
        self.config = config
        self.name_or_path = original.name_or_path
        self.generation_config = copy.deepcopy(original.generation_config)
        self.original = original
        self.combine = combine
        self.prefixes = len(prefixes)
        self.body = PrefixedBody(original, prefixes, start_id)
        self.is_split = self.body.is_split
        self.train(original.training)

    def forward(
        self, input_ids: Tensor, *, logits_to_keep: int = 0, **inputs: Any
    ) -> CausalLMOutput:
        """Return the logits [batch, length, vocabulary] at the positions of the text.

        Args:
            input_ids: [batch, length].
            logits_to_keep: number of last positions to return logits for; 0: all positions.
            **inputs: `attention_mask` and `position_ids`, as for `PrefixedBody`.
        """
        outputs = self.body(input_ids, **inputs).last_hidden_state[:, -logits_to_keep:]
        logits = self.combined_logits(outputs.flatten(0, 1))
        return CausalLMOutput(logits=logits.unflatten(0, outputs.shape[:2]))

    def combined_logits(self, outputs: Tensor) -> Tensor:
        """Return logits [n, vocabulary] for outputs of the body, [n, prefixes × width]."""
        logits = self.logits_by_prefix(outputs)
        return self.combine(logits) if self.combine else logits[0]

    def logits_by_prefix(self, outputs: Tensor) -> Sequence[Tensor]:
        """Return the logits of the original after each prefix, each [n, vocabulary]."""
        parts = outputs.chunk(self.prefixes, -1)
        return [logits_at(self.original, part) for part in parts] if self.is_split else parts

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, *_: Any, attention_mask: Tensor | None = None, **__: Any
    ) -> dict[str, Any]:
        """Return the inputs that predict the next token: the whole text."""
        return {"input_ids": input_ids, "attention_mask": attention_mask, "logits_to_keep": 1}

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of the original."""
        return self.original.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module | None:
        """Return the output head of the original if it is applied only once, else None."""
        head: nn.Module | None = self.original.get_output_embeddings()
        return None if self.combine else head

    def save_pretrained(self, *_: Any, **__: Any) -> None:
        """Raise an error, because there are no weights to save.

        Raises:
            InputError: always.
        """
        method = getattr(self.config, DECODING)["method"]
        raise InputError(f"method {method} changes no weights; save the original model instead")


def put_after(
    language_model: LanguageModel,
    texts: Sequence[str | None],
    *,
    method: str,
    combine: Combine | None = None,
    **settings: Any,
) -> LanguageModel:
    """Return a model that reads every text after each prefix.

    Args:
        language_model: a causal model; it is not copied.
        texts: the prefixes, placed after the start token; None for no prefix.
        method: its name, for messages and the fingerprint.
        combine: combines the logits after each prefix; None if there is one prefix.
        **settings: settings of the method, for the fingerprint.

    Raises:
        InputError: the model is masked, or its context is too short for the prefixes.
    """
    language_model.need_causal(f"method {method}")
    prefixes = [None if text is None else encode_prefix(language_model, text) for text in texts]
    longest = max(len(prefix or ()) for prefix in prefixes)
    limit = language_model.longest_input
    if limit < longest + SHORTEST_CONTEXT:
        raise InputError(
            f"method {method} puts {longest} tokens before a text, but {language_model.source!r} "
            f"accepts only {limit}; choose one that accepts {longest + SHORTEST_CONTEXT} or more"
        )
    decoding = {"method": method, "texts": list(texts), **settings}
    model = PrefixedModel(
        language_model.model, prefixes, language_model.start_id, combine, decoding
    )
    return dataclasses.replace(language_model, model=model)


def encode_prefix(language_model: LanguageModel, text: str) -> tuple[int, ...]:
    """Return the start token and the tokens of a text."""
    ids = language_model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return (language_model.start_id, *ids)
