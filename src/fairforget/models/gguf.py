"""Convert GGUF files once, so that they load like any other model."""

from __future__ import annotations

from pathlib import Path

import torch
from filelock import FileLock
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from fairforget.data.cache import GGUF, LOCK, note_source
from fairforget.data.locate import cache_directory
from fairforget.extras import check_extra
from fairforget.files.digest import hash_file
from fairforget.models.file_checks import check_gguf, check_size
from fairforget.models.language_model import LanguageModel, select_start_token
from fairforget.models.quiet import clear_errors, silence_libraries, suppress_stderr
from fairforget.models.saving import save_model
from fairforget.terminal.messages import show_message

FLOAT32_BYTES = 4


def convert_gguf(path: Path) -> Path:
    """Return the directory with the dequantised weights of a GGUF file, converted on first use.

    transformers takes many seconds to read a small GGUF model and less than one to read
    safetensors, so the result is cached under the hash of the file. A message says so first.
    """
    target = cache_directory() / GGUF / hash_file(path)[:32]
    if (target / "config.json").is_file():
        return target
    check_extra("gguf", "gguf", f"model {path}")
    contents = check_gguf(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / LOCK):
        if (target / "config.json").is_file():
            return target  # another process has just converted it
        size = FLOAT32_BYTES * contents.weights
        show_message(
            f"Converting {path.name}, once; a large model takes minutes. The copy, about "
            f"{size / 1e9:.1f} GB, is kept in {target}; `fairforget data cache` lists such copies, "
            "and `fairforget data clear-cache` deletes them."
        )
        note_source(target, path)
        with silence_libraries(), suppress_stderr(), clear_errors(str(path)):
            source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
            config = AutoConfig.from_pretrained(**source)
            check_size(AutoModelForCausalLM, config, contents, str(path))
            model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(**source)
        start_token = select_start_token(tokenizer, "causal", None, str(path))
        _remove_quantization(model)
        return save_model(LanguageModel(model, tokenizer, str(path), "causal", start_token), target)


def _remove_quantization(model: PreTrainedModel) -> None:
    """Mark the weights as float32, so that the model can be saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    vars(model)["hf_quantizer"] = None
