"""Names and layout of a model's weights in a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, get_tensor_name_map
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig

from fairforget.errors import InputError
from fairforget.models.gguf_export.types import encode
from fairforget.models.language_model import LanguageModel

ARCHITECTURES = {"llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3"}
"""Model type in transformers → architecture in GGUF."""
CONVERTER = "use llama.cpp's convert_hf_to_gguf.py"


def find_architecture(language_model: LanguageModel) -> str:
    """Return the architecture of a model in GGUF.

    Raises:
        InputError: its family is not supported.
    """
    kind = language_model.model.config.model_type
    if kind not in ARCHITECTURES:
        raise InputError(
            f"{language_model.source} is of the family {kind}, but export supports "
            f"{', '.join(ARCHITECTURES)}; {CONVERTER}"
        )
    return ARCHITECTURES[kind]


def name_weights(language_model: LanguageModel) -> dict[str, Tensor]:
    """Return the weights of a model by their names in GGUF, still in the layout of transformers.

    A head that is tied to the input embeddings is left out, because GGUF stores them once.

    Raises:
        InputError: a tensor has no name in GGUF.
    """
    model = language_model.model
    architecture = find_architecture(language_model)
    number = next(n for n, name in MODEL_ARCH_NAMES.items() if name == architecture)
    names = get_tensor_name_map(number, model.config.num_hidden_layers)
    embeddings = model.get_input_embeddings().get_parameter("weight")
    named: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise InputError(
                f"{language_model.source}: weight {name} has no name in GGUF; {CONVERTER}"
            )
        if known != "output.weight" or tensor.data_ptr() != embeddings.data_ptr():
            named[known] = tensor
    return named


def encode_weights(
    language_model: LanguageModel, name: str, weights: Tensor, kind: GGMLQuantizationType
) -> NDArray[np.generic]:
    """Return weights in the layout of GGUF and in the given type.

    Args:
        language_model: the model that has the weights.
        name: their name in GGUF.
        weights: in the layout of transformers.
        kind: the type.

    Raises:
        InputError: the type cannot be written, or a weight is not finite or too large for it.
    """
    return encode(name, arrange(language_model, name, weights), kind)


def arrange(language_model: LanguageModel, name: str, tensor: Tensor) -> NDArray[np.float32]:
    """Return weights in the layout of GGUF, the inverse of the conversion when transformers loads.

    Args:
        language_model: the model that has the weights.
        name: their name in GGUF.
        tensor: the weights in the layout of transformers.
    """
    weights: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    architecture = find_architecture(language_model)
    if architecture == "llama" and (heads := _rotary_heads(name, language_model.model.config)):
        return interleave(weights, heads)
    if architecture == "gemma3" and name.endswith("norm.weight"):
        return weights + np.float32(1)  # transformers adds 1 in the forward pass
    return weights


def interleave(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection for llama.cpp's rotary embedding.

    transformers rotates dimension i of a head together with i + d/2. The architecture `llama` of
    llama.cpp rotates adjacent dimensions. So row i becomes 2i, and row i + d/2 becomes 2i + 1.

    Args:
        weights: [heads × d, ...], a weight or a bias.
        heads: number of heads; for keys, number of key-value heads.
    """
    halves = weights.reshape(heads, 2, -1, *weights.shape[1:])
    return halves.swapaxes(1, 2).reshape(weights.shape)


def _rotary_heads(name: str, config: PretrainedConfig) -> int | None:
    heads: Mapping[str, Any] = {
        ".attn_q.": config.num_attention_heads,
        ".attn_k.": config.num_key_value_heads,
    }
    return next((count for part, count in heads.items() if part in name), None)
