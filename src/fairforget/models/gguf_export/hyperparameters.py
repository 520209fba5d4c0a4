"""Describe the configuration of a model in GGUF, if llama.cpp supports it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray
from transformers import PretrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from fairforget.errors import InputError
from fairforget.models.gguf_export.layout import CONVERTER
from fairforget.models.gguf_import.gemma import attention_scalar

SCALED_ROPE = "llama3"
"""Rotary embedding of Llama 3.1 and 3.2, whose frequency factors GGUF stores as a tensor."""
GEMMA_PERIOD = 6
"""Every sixth layer of Gemma 3 has full attention; the others have a sliding window."""
GEMMA_WINDOW_THETA = 10_000.0
"""Base of the rotary frequencies in layers with a sliding window, a constant in llama.cpp."""


def check_configuration(architecture: str, config: PretrainedConfig, name: str) -> None:
    """Check that llama.cpp supports a configuration.

    Raises:
        InputError: it does not; the message names the setting.
    """
    expected: dict[str, tuple[object, ...]] = {
        "rope_type": ("default", SCALED_ROPE) if architecture == "llama" else ("default",),
    }
    actual: dict[str, object] = {"rope_type": _rope(architecture, config).get("rope_type")}
    if architecture == "gemma3":
        periods = range(1, config.num_hidden_layers + 1)
        expected |= {
            "hidden_activation": ("gelu_pytorch_tanh",),
            "final_logit_softcapping": (None,),
            "attn_logit_softcapping": (None,),
            "use_bidirectional_attention": (False, None),
            "query_pre_attn_scalar": (attention_scalar(architecture, config),),
            "layer_types": (
                [
                    "sliding_attention" if layer % GEMMA_PERIOD else "full_attention"
                    for layer in periods
                ],
            ),
        }
        window = config.rope_parameters["sliding_attention"]
        expected["rope_type and rope_theta of windows"] = (("default", GEMMA_WINDOW_THETA),)
        actual["rope_type and rope_theta of windows"] = (window["rope_type"], window["rope_theta"])
    else:
        expected |= {"hidden_act": ("silu",), "use_sliding_window": (False, None)}
    if architecture != "llama":
        expected["attention_bias"] = (False, None)
    for setting, values in expected.items():
        value = actual.get(setting, getattr(config, setting, None))
        if value not in values:
            raise InputError(
                f"{name}: {setting} is {value}, which cannot be exported; give the original's GGUF "
                f"file as --template, or {CONVERTER}"
            )


def add_hyperparameters(writer: GGUFWriter, architecture: str, config: PretrainedConfig) -> None:
    """Add the hyperparameters of a model to the metadata of a file."""
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dimension(config))
    writer.add_value_length(head_dimension(config))
    writer.add_rope_dimension_count(head_dimension(config))
    writer.add_rope_freq_base(_rope(architecture, config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if architecture == "gemma3":
        writer.add_sliding_window(config.sliding_window)


def head_dimension(config: PretrainedConfig) -> int:
    """Return the dimension of an attention head."""
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def frequency_factors(config: PretrainedConfig) -> NDArray[np.float32] | None:
    """Return the factors by which llama.cpp divides rotary frequencies, or None without scaling.

    Returns:
        [head dimension / 2], the unscaled frequencies divided by the scaled ones.
    """
    if config.rope_parameters.get("rope_type") != SCALED_ROPE:
        return None
    scaled, _ = ROPE_INIT_FUNCTIONS[SCALED_ROPE](config, device="cpu")
    exponents = np.arange(0, head_dimension(config), 2) / head_dimension(config)
    plain = config.rope_parameters["rope_theta"] ** -exponents
    factors: NDArray[np.float32] = (plain / scaled.double().numpy()).astype(np.float32)
    return factors


def _rope(architecture: str, config: PretrainedConfig) -> dict[str, Any]:
    """Return the settings of the rotary embedding; for Gemma 3, in layers with full attention."""
    parameters: dict[str, Any] = config.rope_parameters
    return parameters["full_attention"] if architecture == "gemma3" else parameters
