"""Does a model predict each token from the tokens before it alone?"""

from __future__ import annotations

from transformers import PreTrainedModel

from fairforget.forward.probes import agree, probe_inputs, run_probe
from fairforget.forward.split_forward import full_logits

TEXTS = ((5, 9, 2, 7), (5, 9, 2, 8))
"""Two texts that differ in their last token."""


def looks_ahead(model: PreTrainedModel) -> bool:
    """Return whether predictions depend on later tokens, as those of BERT with its LM head do.

    A model that cannot be tested counts as one that does not look ahead.
    """

    def probe() -> bool:
        first, second = full_logits(model, **probe_inputs(model, TEXTS, model.device))[:, :-1]
        return agree(first, second, model.dtype) is False

    return bool(run_probe(model, probe))
