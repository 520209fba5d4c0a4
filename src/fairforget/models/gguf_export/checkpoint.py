"""Describe a model and its tokenizer in GGUF, without a template."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFValueType, GGUFWriter
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig

from fairforget.errors import InputError
from fairforget.models.gguf_export.layout import (
    CONVERTER,
    arrange,
    find_architecture,
    name_weights,
)
from fairforget.models.gguf_export.types import FILE_TYPES, encode, select_type
from fairforget.models.gguf_export.vocabulary import add_vocabulary
from fairforget.models.gguf_export.writing import Plan, PlannedTensor
from fairforget.models.language_model import LanguageModel

SILU = "silu"
"""Activation that llama.cpp computes for these architectures."""
SCALED_ROPE = "llama3"
"""Type of rotary embedding of Llama 3.1 and 3.2, whose frequencies GGUF stores as a tensor."""


def plan_checkpoint(language_model: LanguageModel, asked: GGMLQuantizationType | None) -> Plan:
    """Plan a GGUF file from configuration, tokenizer and weights.

    Args:
        language_model: a model of the families Llama, Qwen2 and Qwen3.
        asked: type of the tensors; None for f16.

    Raises:
        InputError: llama.cpp would compute something else, or the tokenizer has no name there.
    """
    architecture = find_architecture(language_model)
    config, name = language_model.model.config, language_model.source
    _check(architecture, config, name)
    if asked is None:
        asked = GGMLQuantizationType.F16
    writer = GGUFWriter(None, architecture)  # collects keys only
    writer.add_type("model")
    writer.add_name(_model_name(name))
    writer.add_file_type(FILE_TYPES[asked.name.lower()])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    _add_sizes(writer, config)
    add_vocabulary(writer, language_model.tokenizer, config.vocab_size, name)
    fields: list[tuple[str, object, list[GGUFValueType]]] = [
        (key, field.value, [field.type]) for key, field in writer.kv_data[0].items()
    ]
    planned = {}
    if config.rope_parameters["rope_type"] == SCALED_ROPE:
        factors = partial(_frequency_factors, config)
        half = (_head_dim(config) // 2,)
        planned["rope_freqs.weight"] = PlannedTensor(half, GGMLQuantizationType.F32, factors)
    for tensor_name, weights in name_weights(language_model).items():
        shape = tuple(weights.shape)
        kind = select_type(tensor_name, shape, asked)
        content = partial(_encode, language_model, tensor_name, weights, kind)
        planned[tensor_name] = PlannedTensor(shape, kind, content)
    return Plan(architecture, [f for f in fields if f[0] != "general.architecture"], planned)


def _check(architecture: str, config: PretrainedConfig, name: str) -> None:
    """Check that llama.cpp computes what the configuration describes."""
    gemma = architecture == "gemma3"  # its tokenizer has another algorithm in llama.cpp
    rope = None if gemma else config.rope_parameters.get("rope_type")
    scaled = architecture == "llama" and rope == SCALED_ROPE
    problems = {
        "its family": gemma,
        f"activation {getattr(config, 'hidden_act', '')}": not gemma and config.hidden_act != SILU,
        "attention in sliding windows": getattr(config, "use_sliding_window", False),
        f"rotary embeddings of type {rope}": rope != "default" and not scaled,
    }
    for problem, found in problems.items():
        if found:
            raise InputError(
                f"{name}: {problem} needs the original's GGUF file as --template; or {CONVERTER}"
            )


def _add_sizes(writer: GGUFWriter, config: PretrainedConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head_dim(config))
    writer.add_value_length(_head_dim(config))
    writer.add_rope_dimension_count(_head_dim(config))
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _head_dim(config: PretrainedConfig) -> int:
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def _frequency_factors(config: PretrainedConfig) -> NDArray[np.float32]:
    """Return what llama.cpp divides each rotary frequency by, [head dimension / 2]."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled, _ = ROPE_INIT_FUNCTIONS[SCALED_ROPE](config, device="cpu")
    half = np.arange(0, _head_dim(config), 2) / _head_dim(config)
    plain = 1 / config.rope_parameters["rope_theta"] ** half
    factors: NDArray[np.float32] = (plain / scaled.double().numpy()).astype(np.float32)
    return factors


def _encode(
    language_model: LanguageModel, name: str, weights: Tensor, kind: GGMLQuantizationType
) -> NDArray[np.generic]:
    architecture = find_architecture(language_model)
    return encode(name, arrange(name, weights, architecture, language_model.model.config), kind)


def _model_name(source: str) -> str:
    """Return a name without the path of this machine: of the run, for its `model` directory."""
    path = Path(source).resolve()
    return path.parent.name if path.name == "model" else path.name
