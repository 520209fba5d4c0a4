"""The scale of attention in Gemma 2 and 3, which GGUF files do not state."""

from __future__ import annotations

from transformers import PretrainedConfig

from fairforget.models.gguf_import.header import GGUFContents

LAYERS_OF_27B = {"gemma2": 46, "gemma3": 62}
"""Architecture → number of layers by which llama.cpp recognises the model with 27B weights."""


def attention_scalar(architecture: str, config: PretrainedConfig) -> int:
    """Return the number by whose square root llama.cpp divides queries.

    Args:
        architecture: "gemma2" or "gemma3".
        config: of the model.

    Returns:
        The dimension of a head; for the model with 27B weights, the hidden size per head.
    """
    if config.num_hidden_layers == LAYERS_OF_27B[architecture]:
        return int(config.hidden_size // config.num_attention_heads)
    return int(config.head_dim)


def set_attention_scalar(config: PretrainedConfig, contents: GGUFContents) -> None:
    """Scale attention as llama.cpp does, if a GGUF file holds Gemma 2 or 3.

    Args:
        config: the configuration that transformers made from the file, with its own default.
        contents: of the file.
    """
    if contents.architecture in LAYERS_OF_27B:
        config.query_pre_attn_scalar = attention_scalar(contents.architecture, config)
