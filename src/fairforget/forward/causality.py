"""Does a model predict each token from the tokens before it alone?"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from fairforget.forward.probes import agree, run_probe
from fairforget.forward.split_forward import full_logits

TEXTS = ((5, 9, 2, 7), (5, 9, 2, 8))
"""Two texts that differ in their last token."""


def looks_ahead(model: PreTrainedModel) -> bool:
    """Return whether predictions depend on later tokens, as those of BERT with its LM head do.

    A model that cannot be tested counts as one that does not look ahead.
    """

    def probe() -> bool:
        size = model.config.get_text_config().vocab_size
        ids = torch.tensor(TEXTS, device=model.device) % size
        logits = full_logits(model, input_ids=ids, attention_mask=torch.ones_like(ids))
        first, second = logits[:, :-1]
        return agree(first, second, model.dtype) is False

    return bool(run_probe(model, probe))
