"""GGUF files: converted once, then loaded as any other model."""

from __future__ import annotations

from pathlib import Path

import torch
from filelock import FileLock
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from fairforget.data.cache import cache_directory
from fairforget.extras import check_extra
from fairforget.files.digest import hash_file
from fairforget.models.described import describe_weights
from fairforget.models.file_checks import check_gguf, check_size
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import clear_errors, silence_libraries, suppress_stderr
from fairforget.models.saving import save_model
from fairforget.models.start_token import select_start_token


def convert_gguf(path: Path) -> Path:
    """The directory with the dequantised weights of a GGUF file, converted on first use.

    Reading GGUF through transformers takes many seconds for a small model, safetensors less than
    one; so the result is kept in the cache under the hash of the file.
    """
    target = cache_directory() / "gguf" / hash_file(path)[:32]
    if (target / "config.json").is_file():
        return target
    check_extra("gguf", "gguf", f"model {path}")
    contents = check_gguf(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / ".lock"):
        if (target / "config.json").is_file():
            return target  # another process has just converted it
        with silence_libraries(), suppress_stderr(), clear_errors(str(path)):
            where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
            config = AutoConfig.from_pretrained(**where)
            check_size(describe_weights(AutoModelForCausalLM, config), contents, str(path))
            model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(**where)
        start = select_start_token(tokenizer, None, str(path))
        _forget_quantization(model)
        return save_model(LanguageModel(model, tokenizer, str(path), "causal", start), target)


def _forget_quantization(model: PreTrainedModel) -> None:
    """Tell the model that its weights are plain float32 now, so that it can be saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    vars(model)["hf_quantizer"] = None
