"""Read the settings of rotary embeddings that transformers ignores in GGUF files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PretrainedConfig

from fairforget.errors import InputError
from fairforget.models.gguf_import.header import GGUFContents

FREQUENCIES = "rope_freqs.weight"
"""Tensor with the factors that llama.cpp divides the rotary frequencies by."""
SUPPORTED = {
    "llama": ("linear", "yarn", "llama3"),
    "qwen2": ("linear", "yarn"),
    "qwen3": ("linear", "yarn"),
    "gemma3": ("linear",),
}
"""Architecture → scalings for which transformers computes the same as llama.cpp."""
NEUTRAL = {
    **{"attn_factor": 1.0, "yarn_attn_factor": 1.0, "yarn_log_multiplier": 0.0},
    **{"yarn_beta_fast": 32.0, "yarn_beta_slow": 1.0},
}
"""Further settings of a scaling, with the values that change nothing."""
FLOAT32 = 0
LOW, HIGH = 1.0, 4.0
"""Bounds between scaled and unscaled frequencies, the same in all Llama models with scaling."""
ORIGINAL_LENGTHS = tuple(2**exponent for exponent in range(4, 21))
"""Possible context lengths before the scaling."""


def set_rope_base(config: PretrainedConfig, contents: GGUFContents, path: Path) -> None:
    """Set the base of the rotary frequencies of a GGUF file in its configuration.

    For some architectures, such as StarCoder2, transformers keeps its default.

    Args:
        config: the configuration that transformers made from the file.
        contents: of the file.
        path: of the file.

    Raises:
        InputError: the configuration has no such base.
    """
    base = contents.setting("rope.freq_base")
    if base is None:
        return
    parameters = getattr(config, "rope_parameters", None) or {}
    settings = parameters.get("full_attention", parameters)  # Gemma 3 has two bases
    if "rope_theta" not in settings or isinstance(base, str):
        _refuse(path, f"{contents.architecture}.rope.freq_base = {base}")
    elif not math.isclose(settings["rope_theta"], base, rel_tol=1e-6):
        settings["rope_theta"] = float(base)


def set_rotary_dimensions(config: PretrainedConfig, contents: GGUFContents) -> None:
    """Set the number of rotated dimensions per head, where only some may be rotated.

    For such architectures (Phi-3, StableLM, Nemotron) transformers keeps its default.

    Args:
        config: the configuration that transformers made from the file.
        contents: of the file.
    """
    rotated = contents.setting("rope.dimension_count")
    parameters = getattr(config, "rope_parameters", None) or {}
    if not isinstance(rotated, int) or "partial_rotary_factor" not in parameters:
        return
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if int(size * parameters["partial_rotary_factor"]) != rotated:
        parameters["partial_rotary_factor"] = rotated / size


def scale_rope(config: PretrainedConfig, contents: GGUFContents, path: Path) -> None:
    """Set the scaling of the rotary embeddings of a GGUF file in its configuration.

    Args:
        config: the configuration that transformers made from the file.
        contents: of the file.
        path: of the file.

    Raises:
        InputError: transformers has no such scaling, or it is unverified for the architecture.
    """
    architecture = contents.architecture
    scaling = _read_scaling(contents, path)
    factors = _read_factors(contents, path)
    if factors is not None:
        if scaling:
            _refuse(path, f"{FREQUENCIES} and {scaling['rope_type']} scaling")
        scaling = _find_llama3(config, factors) if architecture == "llama" else None
        if scaling is None:
            _refuse(path, FREQUENCIES)
    if not scaling:
        return
    if scaling["rope_type"] not in SUPPORTED.get(architecture, ()):
        _refuse(path, f"{scaling['rope_type']} scaling in architecture {architecture!r}")
    if architecture == "gemma3":  # llama.cpp leaves the layers with windows unscaled
        config.rope_parameters["full_attention"].update(scaling)
    else:
        config.rope_parameters = {**config.rope_parameters, **scaling}


def _read_scaling(contents: GGUFContents, path: Path) -> dict[str, Any] | None:
    """Return the scaling that the metadata describe, or None."""
    values = contents.values
    prefix = f"{contents.architecture}.rope.scaling."
    for setting, neutral in NEUTRAL.items():
        if (value := values.get(prefix + setting, neutral)) != neutral:
            _refuse(path, f"{prefix}{setting} = {value}")
    kind = values.get(f"{prefix}type", "linear")  # as in llama.cpp
    factor = values.get(f"{prefix}factor") or contents.setting("rope.scale_linear")
    if kind == "longrope":
        _refuse(path, f"{prefix}type = longrope")
    if kind == "none" or not factor or factor == 1:
        return None
    if kind == "yarn" and values.get(f"{prefix}yarn_ext_factor", 1.0) != 1:
        _refuse(path, f"{prefix}yarn_ext_factor = {values[f'{prefix}yarn_ext_factor']}")
    scaling: dict[str, Any] = {"rope_type": kind, "factor": factor}
    if kind == "yarn":
        trained = contents.setting("context_length")
        length = values.get(f"{prefix}original_context_length", trained)
        scaling["original_max_position_embeddings"] = length
    return scaling


def _read_factors(contents: GGUFContents, path: Path) -> NDArray[np.float32] | None:
    """Return the factors of the rotary frequencies, or None if there are none or all are 1."""
    for name in contents.by_name:
        if "rope_f" in name and name != FREQUENCIES:  # rope_factors_long and the like
            _refuse(path, name)
    tensor = contents.by_name.get(FREQUENCIES)
    if tensor is None:
        return None
    if tensor.kind != FLOAT32:
        _refuse(path, f"{FREQUENCIES} of type {tensor.kind}")
    factors = np.fromfile(path, "<f4", tensor.count, offset=tensor.position)
    if len(factors) < tensor.count:
        raise InputError(f"{path}: truncated; download it again")
    return None if (factors == 1).all() else factors


def _find_llama3(config: PretrainedConfig, factors: NDArray[np.float32]) -> dict[str, Any] | None:
    """Return the settings of Llama 3.1's scaling that give these factors, or None."""
    from fairforget.models.gguf_export.hyperparameters import frequency_factors

    plain = config.rope_parameters
    scaling: dict[str, Any] = {
        "rope_type": "llama3",
        "factor": round(float(factors.max()), 3),
        "low_freq_factor": LOW,
        "high_freq_factor": HIGH,
    }
    try:
        for length in ORIGINAL_LENGTHS:
            scaling["original_max_position_embeddings"] = length
            config.rope_parameters = {**plain, **scaling}
            found = frequency_factors(config)
            if (
                found is not None
                and found.shape == factors.shape
                and np.allclose(found, factors, rtol=1e-4)
            ):
                return scaling
    finally:
        config.rope_parameters = plain
    return None


def _refuse(path: Path, what: str) -> None:
    raise InputError(
        f"{path}: its rotary embeddings cannot be converted ({what}); give the transformers "
        "checkpoint instead"
    )
