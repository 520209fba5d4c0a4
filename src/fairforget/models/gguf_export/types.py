"""Types of tensors in a GGUF file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from gguf.quants import quant_shape_to_byte_shape, quantize
from numpy.typing import NDArray

from fairforget.errors import InputError

FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q5_1": LlamaFileType.MOSTLY_Q5_1,
    "q5_0": LlamaFileType.MOSTLY_Q5_0,
    "q4_1": LlamaFileType.MOSTLY_Q4_1,
    "q4_0": LlamaFileType.MOSTLY_Q4_0,
}
"""Name of a type that can be written → its number as the type of a file."""
LLAMA_QUANTIZE = "export with --type f16 and run llama.cpp's llama-quantize on the file"
OTHERS = re.compile(r"i?q\d+_(k|nl|xs|xxs|s|m)\w*|tq\d_0|mxfp4.*|nvfp4")
"""Matches types that llama.cpp can write, and that the package gguf cannot, or not well."""
FEW_BITS = {
    GGMLQuantizationType.Q4_0,
    GGMLQuantizationType.Q4_1,
    GGMLQuantizationType.Q5_0,
    GGMLQuantizationType.Q5_1,
}
VOCABULARY_TENSORS = ("token_embd.weight", "output.weight")
"""Tensors with more bits, as llama-quantize does."""
LARGEST_F16 = 65504.0
"""Largest finite number of f16, which is also the type of the scales of quantised types."""


def parse_type(name: str) -> GGMLQuantizationType:
    """Return the type with a name such as "q8_0".

    Raises:
        InputError: the type cannot be written.
    """
    name = name.lower()
    if name in FILE_TYPES:
        return GGMLQuantizationType[name.upper()]
    if OTHERS.fullmatch(name):
        raise InputError(f"type {name!r} cannot be written here; {LLAMA_QUANTIZE}")
    raise InputError(f"type {name!r} is unknown; choose from {', '.join(FILE_TYPES)}")


def select_type(
    name: str, shape: Sequence[int], asked: GGMLQuantizationType
) -> GGMLQuantizationType:
    """Return the type of one tensor in a file of the given type.

    llama.cpp needs vectors (norms, biases) in f32. Blocks do not cross rows, so a tensor whose row
    length is not a multiple of the block size becomes f16.
    """
    if len(shape) == 1:
        return GGMLQuantizationType.F32
    if asked in FEW_BITS and name in VOCABULARY_TENSORS:
        asked = GGMLQuantizationType.Q8_0
    block, _ = GGML_QUANT_SIZES[asked]
    return asked if shape[-1] % block == 0 else GGMLQuantizationType.F16


def count_bytes(shape: Sequence[int], kind: GGMLQuantizationType) -> int:
    """Return the size of a tensor in a file, in bytes."""
    return math.prod(quant_shape_to_byte_shape(shape, kind))


def encode(
    name: str, weights: NDArray[np.float32], kind: GGMLQuantizationType
) -> NDArray[np.generic]:
    """Return a tensor in the given type, rounded to nearest.

    Raises:
        InputError: the type cannot be written, or a weight is not finite or too large for it.
    """
    if not np.isfinite(weights).all():
        raise InputError(
            f"{name} has weights that are not finite; train again with a lower learning rate"
        )
    wide = kind in (GGMLQuantizationType.F32, GGMLQuantizationType.BF16)
    if not wide and (largest := float(np.abs(weights).max(initial=0))) > LARGEST_F16:
        raise InputError(
            f"{name} has a weight of {largest:g}, too large for {kind.name.lower()}; choose bf16"
        )
    if kind.name.lower() not in FILE_TYPES:
        raise InputError(
            f"{name} is {kind.name.lower()} in the template, which cannot be written here; "
            f"{LLAMA_QUANTIZE}"
        )
    encoded: NDArray[np.generic] = quantize(np.ascontiguousarray(weights), kind)
    return encoded
