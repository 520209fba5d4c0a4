"""Load a directory with a PEFT adapter as its base model with the adapter merged."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from fairforget.errors import InputError
from fairforget.extras import check_extra

if TYPE_CHECKING:  # slow to import, and not needed to find a base model
    import torch
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

CONFIG, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model")
"""Files with a vocabulary, one of which makes a tokenizer."""
CHANGES_BASE = ("pissa", "olora")
"""Initialisations that change the weights of the base model."""
RANDOM_BASE = ("pissa_niter", "corda", "lora_ga", "loftq")
"""Prefixes of those that change them by random numbers or by data."""
PREFIX = "base_model.model."
"""Prefix that peft adds to the names of the base model's weights."""
BASE_WEIGHTS = ("weight", "base_layer.weight", "token_adapter.base_layer.weight")
"""Names of the weights of an embedding or a head in an adapter that contains it."""


def is_adapter(directory: Path) -> bool:
    """Return whether the directory holds an adapter and no model."""
    if not (directory / CONFIG).is_file():
        return False
    of_model = [path for path in directory.glob("*.safetensors") if path.name != WEIGHTS]
    return not of_model or not (directory / "config.json").is_file()


def has_adapter(model: nn.Module) -> bool:
    """Return whether the model has an adapter that is not merged."""
    return hasattr(model, "peft_config")


def find_base_model(directory: Path) -> str:
    """Return the base model of an adapter: a hub id or a directory.

    Raises:
        InputError: peft is not installed, the weights are missing or pickled, or the base model is
            missing or the adapter itself.
    """
    check_extra("peft", "lora", f"adapter {str(directory)!r}")
    if not (directory / WEIGHTS).is_file():
        if (directory / PICKLED).is_file():
            raise InputError(
                f"adapter {str(directory)!r}: its weights are pickled, which can run code when "
                "loaded; save them as safetensors, with peft's save_pretrained"
            )
        raise InputError(
            f"adapter {str(directory)!r} has no {WEIGHTS}; save it with peft's save_pretrained"
        )
    base = _read_base(directory)
    seen, path = {directory.resolve()}, Path(base)
    while is_adapter(path):
        if path.resolve() in seen:
            raise InputError(
                f"adapter {str(directory)!r}: its base {base!r} refers back to it; set the base "
                f"model in {CONFIG}"
            )
        seen.add(path.resolve())
        path = Path(_read_base(path))
    return base


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}); save the adapter again") from error
    return config if isinstance(config, dict) else {}


def _read_base(directory: Path) -> str:
    path, config = directory / CONFIG, _read_config(directory)
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise InputError(f"{path}: base_model_name_or_path is missing; set it to the base model")
    revision = config.get("revision")
    if revision not in (None, "", "main") and not Path(base).exists():
        raise InputError(
            f"{path}: the adapter was trained on revision {revision!r} of {base!r}; download that "
            "revision, and set base_model_name_or_path to its directory"
        )
    return base


def has_tokenizer(directory: Path) -> bool:
    """Return whether the adapter was saved with a tokenizer of its own."""
    return any(any(directory.glob(name)) for name in VOCABULARIES)


def resize_embeddings(model: PreTrainedModel, directory: Path, tokens: int) -> None:
    """Give the base model as many embeddings as the adapter was trained with.

    They differ if tokens were added to the vocabulary; the adapter then contains all embeddings.

    Args:
        model: the base model.
        directory: of the adapter.
        tokens: number of tokens that need embeddings; 0 if the base model has them.

    Raises:
        InputError: there are fewer embeddings than tokens, or the resized output head is missing.
    """
    head: Any = model.get_output_embeddings()
    embeddings: Any = model.get_input_embeddings()
    rows = len(embeddings.weight)
    saved = _saved_rows(model, directory, embeddings)
    if saved is not None and saved != rows:
        tied = head is None or head.weight is embeddings.weight
        if not tied and _saved_rows(model, directory, head) != saved:
            raise InputError(
                f"adapter {str(directory)!r} has {saved} embeddings, but no output head for them; "
                "save it with save_embedding_layers=True"
            )
        model.resize_token_embeddings(saved, mean_resizing=False)  # the adapter has their weights
        rows = saved
    if tokens > rows:
        raise InputError(
            f"adapter {str(directory)!r}: its tokenizer has {tokens} tokens, but there are only "
            f"{rows} embeddings; save it with save_embedding_layers=True"
        )


def _saved_rows(model: PreTrainedModel, directory: Path, module: torch.nn.Module) -> int | None:
    """Return the number of rows of an embedding or a head in the adapter; None if it has none."""
    names = [name for name, found in model.named_modules() if found is module]
    with safe_open(directory / WEIGHTS, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118
            if any(key == f"{PREFIX}{name}.{part}" for name in names for part in BASE_WEIGHTS):
                return int(file.get_slice(key).get_shape()[0])
    return None


def merge_saved_adapter(model: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """Return the model with the adapter merged into its weights.

    Raises:
        InputError: an adapter that does not change weights, such as a prompt, or whose weights are
            not those that its configuration describes.
    """
    from peft import PeftModel

    options: dict[str, Any] = {
        "torch_device": str(model.device),
        "low_cpu_mem_usage": True,  # allocates nothing for a rank that the files do not hold
    }
    start = str(_read_config(directory).get("init_lora_weights")).lower()
    if start.startswith(RANDOM_BASE):
        raise InputError(
            f"adapter {str(directory)!r}: its base weights cannot be computed again from "
            f"init_lora_weights {start!r}; convert it with peft's save_pretrained("
            "path_initial_model_for_weight_conversion=…)"
        )
    at_once = start not in CHANGES_BASE
    with warnings.catch_warnings(action="ignore"):  # about what is checked below
        adapted = PeftModel.from_pretrained(
            model, str(directory), **(options | {"low_cpu_mem_usage": at_once})
        )
    if adapted.active_peft_config.is_prompt_learning:
        kind = adapted.active_peft_config.peft_type.value
        raise InputError(
            f"adapter {str(directory)!r}: {kind} cannot be merged into the weights; "
            "give a LoRA adapter"
        )
    _check_keys(adapted, directory, options)
    merged: PreTrainedModel = adapted.merge_and_unload()
    vars(merged).pop("peft_config", None)  # which earlier versions of peft leave
    for weights in merged.parameters():  # the adapter froze its base
        weights.requires_grad_(weights.is_floating_point())
    return merged


def _check_keys(adapted: PeftModel, directory: Path, options: dict[str, Any]) -> None:
    """Check that the adapter's file has exactly the weights of the adapter.

    Raises:
        InputError: weights are missing or have no place in the model.
    """
    from peft import get_peft_model_state_dict

    from fairforget.models.weights import summarize

    # only a second loading returns what peft reports, with keys of earlier versions converted
    result = adapted.load_adapter(str(directory), adapted.active_adapter, **options)
    with safe_open(directory / WEIGHTS, framework="pt") as file:
        present = {*file.keys()}
    expected = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    biases = {key for key in expected if key.endswith(".bias")}  # not reported by peft
    if missing := {*result.missing_keys} | (biases - present):
        raise InputError(
            f"adapter {str(directory)!r}: {WEIGHTS} does not contain {summarize(missing)}; save "
            f"the adapter again, or use the {CONFIG} that matches these weights"
        )
    # peft saves such weights of resized embeddings twice
    if surplus := [key for key in result.unexpected_keys if ".modules_to_save." not in key]:
        raise InputError(
            f"adapter {str(directory)!r}: its base model has no module for {summarize(surplus)}; "
            f"set the base model that the adapter was trained on in {CONFIG}"
        )
