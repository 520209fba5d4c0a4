"""The body of a model that reads each text after one or more prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from fairforget.forward.padding import pad
from fairforget.forward.split_forward import can_split, hidden_or_logits, hidden_states

Prefix = tuple[int, ...] | None
"""The start token and the tokens before a text; None for no prefix."""


class PrefixedBody(nn.Module):
    """Runs a model on a text after each prefix.

    The outputs are concatenated to [batch, length, prefixes × width]. The width is the hidden size,
    or that of the vocabulary if the model's head cannot run separately.
    """

    def __init__(
        self, original: PreTrainedModel, prefixes: Sequence[Prefix], start_id: int
    ) -> None:
        """Prepare the forward passes.

        Args:
            original: a causal model.
            prefixes: one forward pass each.
            start_id: the start token. The prefix replaces it in a text that begins with it.
        """
        super().__init__()
        self.original = original
        self.prefixes = list(prefixes)
        self.start_id = start_id
        self.is_split = can_split(original)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        **_: Any,
    ) -> BaseModelOutput:
        """Return the outputs at the positions of the text; there is no cache.

        Args:
            input_ids: [batch, length].
            attention_mask: [batch, length], with padding on either side; or, for prefix trees,
                [batch, 1, length, length], 0 where a token attends to another.
            position_ids: [batch, length] positions in the text; used for prefix trees only.

        Raises:
            ValueError: prefix trees without positions, or for a model whose head cannot run
                separately.
        """
        if attention_mask is not None and attention_mask.dim() == 4:
            if position_ids is None or not self.is_split:
                raise ValueError("prefix trees need position_ids, and a head that runs separately")
            attends = attention_mask[:, 0] == 0
            parts = [self._run_trees(p, input_ids, attends, position_ids) for p in self.prefixes]
        else:
            present = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            parts = [self._run_texts(p, input_ids, present.bool()) for p in self.prefixes]
        return BaseModelOutput(last_hidden_state=torch.cat(parts, -1))

    def _run_texts(self, prefix: Prefix, ids: Tensor, present: Tensor) -> Tensor:
        """Run one text per row, without padding."""
        texts = [row[mask].tolist() for row, mask in zip(ids, present, strict=True)]
        full = [self._after(prefix, text) for text in texts]
        inputs = {name: value.to(ids.device) for name, value in pad(full).items()}
        states = hidden_or_logits(self.original, split=self.is_split, **inputs)
        outputs = states.new_zeros(*ids.shape, states.shape[-1])
        for row, (text, tokens) in enumerate(zip(texts, full, strict=True)):
            # the output of the text's start token is that of the prefix's last token
            outputs[row, present[row]] = states[row, len(tokens) - len(text) : len(tokens)]
        return outputs

    def _after(self, prefix: Prefix, text: list[int]) -> list[int]:
        if prefix is None:
            return text
        return [*prefix, *(text[1:] if text[:1] == [self.start_id] else text)]

    def _run_trees(self, prefix: Prefix, ids: Tensor, attends: Tensor, depth: Tensor) -> Tensor:
        """Run prefix trees after one prefix that all their texts share.

        Args:
            prefix: the prefix.
            ids: [rows, width].
            attends: [rows, width, width], true where a node attends to another.
            depth: [rows, width] the position of each node in its text.
        """
        if prefix is None:
            return hidden_states(
                self.original, input_ids=ids, attention_mask=attends[:, None], position_ids=depth
            )
        rows, width = ids.shape
        size = len(prefix)
        is_start = (ids == self.start_id) & (depth == 0)
        follows_start = (attends & is_start[:, None]).any(-1)
        # the start token of the text is left out: only it attends to itself
        itself = torch.eye(width, dtype=torch.bool, device=ids.device)
        mask = torch.ones(rows, size + width, size + width, dtype=torch.bool, device=ids.device)
        mask[:, :size] = mask[0, :size].tril()
        mask[:, size:, size:] = (attends & ~is_start[:, None]) | itself
        tokens = torch.tensor(prefix, device=ids.device).expand(rows, size)
        positions = torch.arange(size, device=ids.device).expand(rows, size)
        states = hidden_states(
            self.original,
            input_ids=torch.cat([tokens, ids], 1),
            attention_mask=mask[:, None],
            position_ids=torch.cat([positions, depth + size - follows_start.long()], 1),
        )
        return torch.where(is_start[..., None], states[:, size - 1 : size], states[:, size:])
