"""Which model it is: its weights, told by a glance at each tensor, and its commit on the hub."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from transformers import PreTrainedModel

from fairforget.files.digest import hash_values
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import ModelFacts

FROM_EACH = 256
"""Weights looked at in each tensor, evenly spread."""
PLACES = ("_name_or_path", "_model_name_or_path", "transformers_version")
"""What a configuration says of where it comes from."""


def describe_model(language_model: LanguageModel) -> ModelFacts:
    """What a record says of a model."""
    return ModelFacts(
        source=language_model.source,
        parameters=language_model.parameters,
        dtype=str(language_model.model.dtype).removeprefix("torch."),
        start_token=language_model.start_token,
        weights=fingerprint(language_model.model),
        revision=hub_commit(language_model.source),
    )


def fingerprint(model: PreTrainedModel) -> str:
    """sha256 of some weights of every tensor, in float32, with names and shapes.

    Of two models that differ by training, it differs; the same numbers in a wider type are the
    same. Against who wants to deceive it proves nothing.
    """
    seen = hashlib.sha256()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            flat = weights.detach().reshape(-1)
            some = flat[:: max(1, flat.numel() // FROM_EACH)].float().cpu().contiguous()
            seen.update(f"{name} {tuple(weights.shape)} ".encode())
            seen.update(some.numpy().tobytes())
    return seen.hexdigest()


def model_identity(language_model: LanguageModel) -> dict[str, str]:
    """Which model it is, with all that decides what it makes of a text.

    Returns:
        What stands for its weights, its configuration and its tokenizer, wherever they lie.
    """
    tokenizer = language_model.tokenizer
    if tokenizer.is_fast:
        rules = json.loads(tokenizer.backend_tokenizer.to_str())
        rules |= {"truncation": None, "padding": None}  # of the last call
    else:
        rules = {"type": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    configuration = {
        name: value
        for name, value in language_model.model.config.to_diff_dict().items()
        if name not in PLACES
    }
    return {
        "weights": fingerprint(language_model.model),
        "configuration": hash_values([json.dumps(configuration, sort_keys=True, default=str)]),
        "tokenizer": hash_values([json.dumps(rules, sort_keys=True, default=str)]),
    }


def hub_commit(source: str) -> str:
    """The commit of a hub model that was loaded by its name; empty for one that is not the hub's.

    The hub is not asked: what was loaded lies in its cache.
    """
    if Path(source).exists():
        return ""
    try:
        found = try_to_load_from_cache(source, "config.json")
    except HFValidationError:  # no name of the hub's form
        return ""
    return Path(found).parent.name if isinstance(found, str) else ""
