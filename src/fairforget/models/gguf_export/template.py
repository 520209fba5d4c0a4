"""Write new weights into the layout of the GGUF file that a model came from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFReader, GGUFValueType, ReaderTensor
from gguf.quants import dequantize
from numpy.typing import NDArray
from torch import Tensor

from fairforget.errors import InputError, first_line
from fairforget.models.gguf_export.layout import (
    arrange,
    encode_weights,
    find_architecture,
    name_weights,
)
from fairforget.models.gguf_export.types import FILE_TYPES, encode, select_type
from fairforget.models.gguf_export.writing import Plan, PlannedTensor
from fairforget.models.gguf_import.header import check_gguf
from fairforget.models.language_model import LanguageModel

FREQUENCIES = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Tensors that depend only on the configuration; they are copied."""


def plan_from_template(
    language_model: LanguageModel, path: Path, asked: GGMLQuantizationType | None
) -> Plan:
    """Plan a file with the metadata, tokenizer and tensor names of a template and new weights.

    Args:
        language_model: the model with the new weights.
        path: the GGUF file that the model, or the original of a run, came from.
        asked: the type of the tensors; None for the types of the template. A tensor whose weights
            and type have not changed is copied byte for byte.

    Raises:
        InputError: the template is damaged, or belongs to another model.
    """
    check_gguf(path)
    architecture = find_architecture(language_model)
    try:
        reader = GGUFReader(path)
    except (ValueError, LookupError, TypeError) as error:  # its header is longer than the file
        raise InputError(
            f"template {path} is damaged ({first_line(error)}); download it again"
        ) from error
    if (expected := _read_architecture(reader)) != architecture:
        raise InputError(
            f"template {path} has architecture {expected!r}, but the model is {architecture!r}; "
            "give the file that the model came from"
        )
    weights = name_weights(language_model)
    embeddings = weights.get("token_embd.weight")
    planned = {}
    for tensor in reader.tensors:
        if tensor.name in FREQUENCIES:
            copied = partial(np.copy, tensor.data)
            planned[tensor.name] = PlannedTensor(_shape(tensor), tensor.tensor_type, copied)
            continue
        if tensor.name == "output.weight":  # the head of the model may be tied
            new = weights.pop(tensor.name, embeddings)
        else:
            new = weights.pop(tensor.name, None)
        if new is None or tuple(new.shape) != _shape(tensor):
            raise InputError(
                f"template {path}: the model has no {tensor.name} of shape {_shape(tensor)}; "
                "give the file that the model came from"
            )
        kind = (
            select_type(tensor.name, new.shape, asked) if asked is not None else tensor.tensor_type
        )
        content = partial(_encode_changed, language_model, tensor, new, kind)
        planned[tensor.name] = PlannedTensor(_shape(tensor), kind, content)
    for name, new in weights.items():
        if name != "output.weight":
            raise InputError(
                f"template {path} has no {name}; give the file that the model came from"
            )
        # the head was untied from the input embeddings
        kind = planned["token_embd.weight"].kind
        content = partial(encode_weights, language_model, name, new, kind)
        planned[name] = PlannedTensor(tuple(new.shape), kind, content)
    return Plan(architecture, _copy_fields(reader, asked), planned)


def _encode_changed(
    language_model: LanguageModel, old: ReaderTensor, new: Tensor, kind: GGMLQuantizationType
) -> NDArray[np.generic]:
    """Return the content of a tensor: the old content if weights and type are the same."""
    weights = arrange(language_model, old.name, new)
    if kind == old.tensor_type and np.array_equal(dequantize(old.data, kind), weights):
        return np.copy(old.data)
    return encode(old.name, weights, kind)


def _shape(tensor: ReaderTensor) -> tuple[int, ...]:
    """Return the shape of a tensor in the order of PyTorch."""
    return tuple(int(size) for size in reversed(tensor.shape))


def _read_architecture(reader: GGUFReader) -> str:
    field = reader.get_field("general.architecture")
    return str(field.contents()) if field is not None else ""


def _copy_fields(
    reader: GGUFReader, asked: GGMLQuantizationType | None
) -> list[tuple[str, object, list[GGUFValueType]]]:
    """Return the metadata of a template, with the type of the new file."""
    fields = {
        key: (field.contents(), field.types)
        for key, field in reader.fields.items()
        # the writer adds a header, and these weights are quantised without an importance matrix
        if not key.startswith(("GGUF.", "quantize.")) and key != "general.architecture"
    }
    number = [GGUFValueType.UINT32]
    if asked is not None:
        fields["general.file_type"] = (int(FILE_TYPES[asked.name.lower()]), number)
        fields["general.quantization_version"] = (GGML_QUANT_VERSION, number)
    # the writer refuses empty arrays, which mean the same as absent ones
    return [(key, value, types) for key, (value, types) in fields.items() if value != []]
