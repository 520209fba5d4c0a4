"""Identify a model by a fingerprint of its weights, and by its commit on the hub."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel

from fairforget.errors import InputError
from fairforget.files.digest import hash_values
from fairforget.models.decoding import DECODING
from fairforget.models.language_model import LanguageModel
from fairforget.models.locate import SMOLLM2_HUB, find_packaged_smollm2
from fairforget.names import SMOLLM2
from fairforget.records.records import ModelFacts

WEIGHTS_PER_TENSOR = 256
"""Weights of each tensor in the fingerprint."""
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
"""Step from one of them to the next, as a share of the tensor: it scatters them evenly."""
SOURCE_SETTINGS = (
    *("_name_or_path", "_model_name_or_path", "transformers_version"),
    "_from_model_config",
)
"""Settings of a configuration that describe its origin only."""
WITHOUT_EFFECT = (
    *("architectures", "dtype", "tie_word_embeddings", "use_cache"),
    *("bos_token_id", "eos_token_id", "pad_token_id"),
    *("initializer_range", "problem_type", "id2label", "label2id", "task_specific_params"),
)
"""Settings of a configuration on which predictions from given weights do not depend."""


def describe_model(language_model: LanguageModel) -> ModelFacts:
    """Return the facts about a model for a record."""
    return ModelFacts(
        source=language_model.source,
        parameters=language_model.parameters,
        dtype=str(language_model.model.dtype).removeprefix("torch."),
        start_token=language_model.start_token,
        weights=fingerprint(language_model.model),
        revision=hub_commit(language_model.source),
    )


def fingerprint(model: PreTrainedModel) -> str:
    """Return the SHA-256 digest of some weights of every tensor, with names and shapes.

    Training changes it, and so does a method that changes how tokens are predicted; a wider dtype
    with the same numbers does not. It is no protection against deliberate tampering.
    """
    digest = hashlib.sha256()
    if decoding := getattr(model.config, DECODING, None):
        digest.update(json.dumps(decoding, sort_keys=True).encode())
    with torch.no_grad():
        for name, weights in model.named_parameters():
            flat = weights.detach().reshape(-1)
            places = scattered_places(flat.numel())
            indices = torch.tensor(places, dtype=torch.long, device=flat.device)
            digest.update(f"{name} {tuple(weights.shape)} ".encode())
            digest.update(flat[indices].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def scattered_places(size: int) -> list[int]:
    """Return the indices of the weights in the fingerprint, in a flat tensor of this size.

    No index occurs twice, and they are spread over rows and columns: the step shares no divisor
    with the size, hence none with the number of columns. Steps of size ÷ 256 would be multiples of
    the number of columns of many a matrix, and so read the first column only.
    """
    if size <= WEIGHTS_PER_TENSOR:
        return list(range(size))
    step = round(size * GOLDEN_RATIO)
    while math.gcd(step, size) > 1:
        step += 1
    return [place * step % size for place in range(WEIGHTS_PER_TENSOR)]


def check_original(original: LanguageModel, recorded: ModelFacts) -> None:
    """Check that the original model of a run still has the weights that the run started from.

    Raises:
        InputError: it has others.
    """
    # empty in records of earlier versions
    if recorded.weights and fingerprint(original.model) != recorded.weights:
        raise InputError(
            f"{original.source} is not the model that the run started from: its weights have "
            "changed since, or the run started from a model modified in memory; unlearn again "
            "from this one"
        )


def model_identity(language_model: LanguageModel, *, generates: bool = False) -> dict[str, str]:
    """Return digests of all that determines the outputs of a model.

    Args:
        language_model: the model.
        generates: whether it also writes text, or is asked in its chat template.

    Returns:
        "weights", "configuration", "tokenizer" and, for a model that generates, "generation" →
        digest, independent of the model's location.
    """
    tokenizer = language_model.tokenizer
    if tokenizer.is_fast:
        rules = json.loads(tokenizer.backend_tokenizer.to_str())
        rules |= {"truncation": None, "padding": None}  # settings of the last call
    else:
        rules = {"type": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    identity = {
        "weights": fingerprint(language_model.model),
        "configuration": _hash_json(_own_settings(language_model.model.config)),
        "tokenizer": _hash_json(rules),
    }
    if generates:
        config = getattr(language_model.model, "generation_config", None)
        settings = _own_settings(config) if config else {}
        ends = tokenizer.eos_token_id
        identity["generation"] = _hash_json([settings, ends, tokenizer.chat_template])
    return identity


def differing_settings(one: PretrainedConfig, other: PretrainedConfig) -> set[str]:
    """Return the settings that differ and that predictions from given weights depend on."""
    first, second = _own_settings(one), _own_settings(other)
    used = type(one)().to_dict()  # tools leave settings that transformers does not know
    return {
        name
        for name in first | second
        if first.get(name) != second.get(name)
        and (name in used or name == DECODING)
        and name not in WITHOUT_EFFECT
        and "drop" not in name
    }


def hash_identity(language_model: LanguageModel) -> str:
    """Return one digest of all that determines the outputs of a model."""
    return _hash_json(model_identity(language_model, generates=True))


def _own_settings(config: PretrainedConfig | GenerationConfig) -> dict[str, Any]:
    """Return the settings of a configuration that do not describe its origin."""
    settings = config.to_diff_dict()
    return {name: value for name, value in settings.items() if name not in SOURCE_SETTINGS}


def _hash_json(value: object) -> str:
    return hash_values([json.dumps(value, sort_keys=True, default=str)])


def hub_commit(source: str) -> str:
    """Return the commit of a hub model; empty for other models.

    It is read from the local cache, without network access.
    """
    if source == SMOLLM2:
        if find_packaged_smollm2():
            return ""
        source = SMOLLM2_HUB
    elif Path(source).exists():
        return ""
    try:
        path = try_to_load_from_cache(source, "config.json")
    except HFValidationError:  # not a hub id
        return ""
    return Path(path).parent.name if isinstance(path, str) else ""
