"""Describe a model and its tokenizer in GGUF, without a template."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFValueType, GGUFWriter

from fairforget.models.gguf_export.hyperparameters import (
    add_hyperparameters,
    check_configuration,
    frequency_factors,
)
from fairforget.models.gguf_export.layout import encode_weights, find_architecture, name_weights
from fairforget.models.gguf_export.types import FILE_TYPES, select_type
from fairforget.models.gguf_export.vocabulary import add_vocabulary
from fairforget.models.gguf_export.writing import Plan, PlannedTensor
from fairforget.models.language_model import LanguageModel
from fairforget.records.paths import MODEL


def plan_checkpoint(language_model: LanguageModel, asked: GGMLQuantizationType | None) -> Plan:
    """Plan a GGUF file from configuration, tokenizer and weights.

    Args:
        language_model: a model of the families Llama, Qwen2, Qwen3 and Gemma 3.
        asked: the type of the tensors; None for f16.

    Raises:
        InputError: llama.cpp would compute or tokenise differently.
    """
    architecture = find_architecture(language_model)
    config, name = language_model.model.config, language_model.source
    check_configuration(architecture, config, name)
    if asked is None:  # not `if not asked`: F32 is 0
        asked = GGMLQuantizationType.F16
    planned = {}
    if (factors := frequency_factors(config)) is not None:
        copied = partial(np.copy, factors)
        planned["rope_freqs.weight"] = PlannedTensor(
            factors.shape, GGMLQuantizationType.F32, copied
        )
    for tensor_name, weights in name_weights(language_model).items():
        shape = tuple(weights.shape)
        kind = select_type(tensor_name, shape, asked)
        content = partial(encode_weights, language_model, tensor_name, weights, kind)
        planned[tensor_name] = PlannedTensor(shape, kind, content)
    return Plan(architecture, _describe(language_model, architecture, asked), planned)


def _describe(
    language_model: LanguageModel, architecture: str, asked: GGMLQuantizationType
) -> list[tuple[str, object, list[GGUFValueType]]]:
    """Return the metadata: key, value and type."""
    config, name = language_model.model.config, language_model.source
    writer = GGUFWriter(None, architecture)  # only collects what is added
    writer.add_type("model")
    writer.add_name(_model_name(name))
    writer.add_file_type(FILE_TYPES[asked.name.lower()])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    add_hyperparameters(writer, architecture, config)
    add_vocabulary(writer, language_model.tokenizer, config.vocab_size, name)
    return [
        (key, field.value, [field.type])
        for key, field in writer.kv_data[0].items()
        if key != "general.architecture"
    ]


def _model_name(source: str) -> str:
    """Return the name of a model without its path; for the model of a run, the name of the run."""
    path = Path(source).resolve()
    return path.parent.name if path.name == MODEL else path.name
