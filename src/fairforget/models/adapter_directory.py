"""A directory with a PEFT adapter as a model: its base model with the adapter merged in."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.extras import check_extra

CONFIG, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"


def is_adapter(directory: Path) -> bool:
    """Whether the directory holds an adapter, and no model."""
    return (directory / CONFIG).is_file() and not (directory / "config.json").is_file()


def find_base_model(directory: Path) -> str:
    """What the adapter was trained on: a hub id or a directory.

    Raises:
        InputError: peft is not installed, the weights are missing or pickled, or no base is named,
            or the adapter itself.
    """
    check_extra("peft", "lora", f"adapter {str(directory)!r}")
    if not (directory / WEIGHTS).is_file():
        if (directory / PICKLED).is_file():
            raise InputError(
                f"adapter {str(directory)!r}: its weights are pickled, which can run code when "
                "loaded; save it as safetensors (peft's save_pretrained does)"
            )
        raise InputError(f"adapter {str(directory)!r}: there is no {WEIGHTS}")
    base = _named_base(directory)
    seen, place = {directory.resolve()}, Path(base)
    while is_adapter(place):
        if place.resolve() in seen:
            raise InputError(
                f"adapter {str(directory)!r}: its base {base!r} leads back to itself; name the "
                f"directory of the base model in {CONFIG}"
            )
        seen.add(place.resolve())
        place = Path(_named_base(place))
    return base


def _named_base(directory: Path) -> str:
    path = directory / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error})") from error
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(base, str) or not base:
        raise InputError(f"{path}: base_model_name_or_path is missing; say what it was trained on")
    return base


def merge_saved_adapter(model: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """The model with the adapter's change in its weights.

    Raises:
        InputError: an adapter that adds no change to weights, such as a trained prompt.
    """
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(
        model,
        str(directory),
        torch_device=str(model.device),
        low_cpu_mem_usage=True,  # nothing is allocated for a rank that the files do not hold
    )
    if adapted.active_peft_config.is_prompt_learning:
        kind = adapted.active_peft_config.peft_type.value
        raise InputError(f"adapter {str(directory)!r}: {kind} cannot be merged into the weights")
    whole: PreTrainedModel = adapted.merge_and_unload()
    return whole
