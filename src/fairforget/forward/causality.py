"""Does a model predict each token from the tokens before it alone?"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from fairforget.forward.probes import probe_tolerance, run_probe
from fairforget.forward.split_forward import full_logits

TOKENS = (5, 9, 2, 7)
"""Ids of a short text; the last is replaced."""


def looks_ahead(model: PreTrainedModel) -> bool:
    """Return whether predictions depend on later tokens, as those of BERT with its LM head do.

    A model that cannot be tested counts as one that does not look ahead.
    """

    def probe() -> bool | None:
        size = model.config.get_text_config().vocab_size
        texts = ([*TOKENS], [*TOKENS[:-1], TOKENS[-1] + 1])
        first, second = (
            full_logits(model, **_inputs(text, size, model.device))[0, :-1].float().log_softmax(-1)
            for text in texts
        )
        difference = (first - second).abs().max().item()
        return difference > probe_tolerance(model.dtype)  # False for a NaN

    return bool(run_probe(model, probe))


def _inputs(text: list[int], size: int, device: torch.device) -> dict[str, torch.Tensor]:
    ids = torch.tensor([text], device=device) % size
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
