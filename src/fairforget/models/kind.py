"""Whether a model is causal or masked."""

from __future__ import annotations

import transformers
from transformers import PretrainedConfig, PreTrainedModel

from fairforget.errors import InputError
from fairforget.forward.causality import looks_ahead
from fairforget.models import Kind

DISCRIMINATORS = ("electra", "funnel")
"""Types of models that are pre-trained to detect replaced tokens, not to predict masked ones."""


def detect_kind(config: PretrainedConfig, name: str) -> Kind:
    """Return the kind of model that a configuration describes.

    Raises:
        InputError: it is neither causal nor masked.
    """
    architectures = config.architectures or []
    has_masked_head = type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING
    pretrains_masked = has_masked_head and config.model_type not in DISCRIMINATORS
    if any(a.endswith("ForMaskedLM") for a in architectures):
        return "masked"
    if pretrains_masked and any(a.endswith("ForPreTraining") for a in architectures):
        return "masked"
    if any(a.endswith(("ForCausalLM", "LMHeadModel")) for a in architectures):
        return "causal"
    if not architectures:
        is_encoder = not (config.is_encoder_decoder or getattr(config, "is_decoder", False))
        if has_masked_head and is_encoder:
            return "masked"
        if type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
            return "causal"
    raise InputError(
        f"model {name!r} is a {', '.join(architectures) or config.model_type}; "
        "give a causal or masked language model"
    )


def check_kind(model: PreTrainedModel, kind: Kind, name: str) -> None:
    """Check that a causal model predicts tokens from earlier ones only.

    Raises:
        InputError: it does not.
    """
    if kind == "causal" and looks_ahead(model):
        raise InputError(
            f"model {name!r} predicts a token from later ones, so it is not a causal model; "
            "correct `architectures` or `is_decoder` in its configuration, or give another model"
        )
