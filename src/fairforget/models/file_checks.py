"""Check the sizes that a model's files declare, before a library relies on them.

A configuration can declare a million layers, and transformers would allocate memory or loop
accordingly, so the sizes are compared with the contents of the files. safetensors checks its own
headers, and `gguf_import.header` those of GGUF files.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import PretrainedConfig

from fairforget.errors import InputError

LOOPED = re.compile(r"(layers?|blocks?|experts|num_labels|attention_types)$")
"""Names of settings that transformers loops over before it reads any weight."""
ALWAYS_ALLOWED_LOOPS = 1000
"""Largest value of these settings that is accepted for any file."""
WEIGHTS_PER_NUMBER = 16
"""Weights that a configuration may describe per number in the files: eight can be packed into one
number, and tied weights are stored once."""
ALWAYS_ALLOWED_WEIGHTS = 1 << 20
"""Number of weights that a configuration may describe for any file."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Contents of a model's weight files."""

    tensors: int
    weights: int
    """Total number of elements of the tensors."""


def safetensors_contents(directory: Path) -> Contents | None:
    """Return the contents of the safetensors files of a directory, or None if there are none.

    Raises:
        InputError: a header is damaged, or the index names a file outside the directory.
    """
    paths = sorted(directory.glob("*.safetensors"))
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        shards = _read_object(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else {None}
        if missing := [name for name in names if name not in {path.name for path in paths}]:
            raise InputError(f"{index}: {missing[0]!r} is not in its directory; download it again")
    tensors = weights = 0
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:  # compares its header with its size
                for name in file.keys():  # noqa: SIM118
                    tensors += 1
                    weights += math.prod(file.get_slice(name).get_shape())
        except SafetensorError as error:
            raise InputError(f"{path}: damaged ({error}); download it again") from error
    return Contents(tensors, weights) if paths else None


def check_configuration(path: Path, contents: Contents) -> None:
    """Check the settings of a `config.json` that transformers loops over.

    Raises:
        InputError: it is not a JSON object, or such a setting is larger than the number of tensors
            allows.
    """
    for name, value in _iter_numbers(_read_object(path)):
        if LOOPED.search(name) and value > max(ALWAYS_ALLOWED_LOOPS, contents.tensors):
            raise InputError(
                f"{path}: {name} is {value}, but there are only {contents.tensors} tensors; "
                "download it again"
            )


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON; download it again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected an object; download it again")
    return value


def check_size(
    loader: Any,
    config: PretrainedConfig,
    contents: Contents,
    name: str,
    *,
    trust_remote_code: bool = False,
) -> None:
    """Compare the number of weights that a configuration describes with that in the files.

    Args:
        loader: transformers' auto class for the model.
        config: the configuration; no weights are allocated for it.
        contents: of the weight files.
        name: of the model, for the message.
        trust_remote_code: as in `load_model`.

    Raises:
        InputError: the configuration describes far more weights.
    """
    with torch.device("meta"):
        skeleton = loader.from_config(config, trust_remote_code=trust_remote_code)
    described = sum(p.numel() for p in skeleton.parameters())
    if described > max(ALWAYS_ALLOWED_WEIGHTS, WEIGHTS_PER_NUMBER * contents.weights):
        raise InputError(
            f"model {name!r}: its configuration describes {described} weights, but its files hold "
            f"{contents.weights}; use the configuration that matches these weights"
        )


def _iter_numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number with its key, or with that of the list around it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _iter_numbers(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _iter_numbers(part, name)
    elif isinstance(value, int | float):
        yield name, value
