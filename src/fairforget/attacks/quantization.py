"""Quantise the weights of a model as GGUF does, and continue with the rounded values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from fairforget.models.language_model import LanguageModel
from fairforget.training.weights import restore_weights

if TYPE_CHECKING:  # an extra
    from gguf import GGMLQuantizationType

TYPES = ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
"""Types of GGUF with blocks of 32 weights, from the finest to the coarsest."""
EXEMPT = re.compile(r"wpe|position_embeddings|embed_positions|token_type|router|\bgate\.weight")
"""Matches the names of matrices that llama.cpp does not quantise either."""


@contextmanager
def quantized(language_model: LanguageModel, type: str) -> Iterator[None]:
    """Round the weights to a GGUF type within the context, with the rules of `fairforget export`.

    Vectors, embeddings of positions and token types, and routers of experts stay as they are. With
    4 and 5 bits the input embeddings and the output head are q8_0. A matrix whose row length is not
    a multiple of 32 is rounded to float16.

    Args:
        language_model: its weights are rounded in place, and restored afterwards.
        type: one of `TYPES`.
    """
    from fairforget.models.gguf_export.types import VOCABULARY_TENSORS, parse_type

    model = language_model.model
    vocabulary = {
        id(module.weight)
        for module in (model.get_input_embeddings(), model.get_output_embeddings())
        if module is not None
    }
    transposed = {id(m.weight) for m in model.modules() if isinstance(m, Conv1D)}
    kind = parse_type(type)
    with restore_weights(model):
        with torch.no_grad():
            for name, weights in model.named_parameters():
                if EXEMPT.search(name):
                    continue
                name = VOCABULARY_TENSORS[0] if id(weights) in vocabulary else name
                if id(weights) in transposed:  # GPT-2 stores [inputs, outputs]
                    weights.copy_(_round(name, weights.T.contiguous(), kind).T)
                else:
                    weights.copy_(_round(name, weights, kind))
        yield


def _round(name: str, weights: Tensor, kind: GGMLQuantizationType) -> Tensor:
    """Return a tensor after quantisation and back."""
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    from fairforget.models.gguf_export.types import encode, select_type

    chosen = select_type(name, tuple(weights.shape), kind)
    if chosen == GGMLQuantizationType.F32:
        return weights
    array = weights.detach().float().cpu().numpy()
    return torch.from_numpy(dequantize(encode(name, array, chosen), chosen)).to(weights)
