"""Convert GGUF files once, so that they load like any other model."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from filelock import FileLock
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    __version__,
)
from transformers.modeling_gguf_pytorch_utils import (
    TENSOR_PROCESSORS,
    TensorProcessor,
    get_gguf_hf_weights_map,
)

from fairforget.data.cache import GGUF, LOCK, note_source
from fairforget.data.locate import cache_directory
from fairforget.errors import InputError
from fairforget.extras import check_extra
from fairforget.files.atomic import remove_leftovers
from fairforget.files.digest import hash_file
from fairforget.models.file_checks import check_size
from fairforget.models.gguf_import.gemma import set_attention_scalar
from fairforget.models.gguf_import.header import GGUFContents, check_gguf
from fairforget.models.gguf_import.rope import scale_rope, set_rope_base, set_rotary_dimensions
from fairforget.models.gguf_import.settings import set_ignored_settings
from fairforget.models.gguf_import.tokenizer import (
    check_pretokenizer,
    correct_tokenizer,
    make_reloadable,
)
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import clear_errors, silence_libraries, suppress_stderr
from fairforget.models.saving import find_missing_part, save_model
from fairforget.models.weights import load_weights
from fairforget.terminal.messages import show_message

FLOAT32_BYTES = 4
CONVERTER_VERSION = 6
"""Part of the name of a copy; increased when files are converted differently."""


def convert_gguf(path: Path) -> Path:
    """Return the directory with the dequantised weights of a GGUF file, converted on first use.

    transformers takes many seconds to read a small GGUF model and less than one to read
    safetensors, so the result is cached under the hash of the file and the versions of the
    converter and of transformers. A message says so first.

    Raises:
        InputError: the file is damaged or a part of a model, transformers cannot represent it, or
            it does not hold exactly the weights that its metadata describe.
    """
    versions = f"{CONVERTER_VERSION}-{__version__}"
    target = cache_directory() / GGUF / f"{hash_file(path)[:32]}-{versions}"
    if find_missing_part(target) is None:
        return target
    check_extra("gguf", "gguf", f"model {path}")
    contents = check_gguf(path)
    if (parts := contents.values.get("split.count", 1)) not in (0, 1):
        raise InputError(
            f"{path} is one of {parts} parts of a model; merge the parts with "
            "`llama-gguf-split --merge`"
        )
    check_pretokenizer(contents, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / LOCK):
        if find_missing_part(target) is None:
            return target  # another process has just converted it
        shutil.rmtree(target, ignore_errors=True)  # files of it were deleted
        remove_leftovers(target.parent)
        size = FLOAT32_BYTES * contents.weights
        show_message(
            f"Converting {path.name}, once; a large model takes minutes. The copy, about "
            f"{size / 1e9:.1f} GB, is kept in {target}; `fairforget data cache` lists such copies, "
            "and `fairforget data clear-cache` deletes them."
        )
        note_source(target, path)
        with (
            silence_libraries(),
            suppress_stderr(),
            clear_errors(str(path)),
            TemporaryDirectory() as alone,
        ):
            # transformers would also read a file of the same name in the current directory, and
            # tokenizer files beside this one
            link = Path(alone) / f"{target.name}.gguf"
            link.symlink_to(path.resolve())
            source = {"pretrained_model_name_or_path": alone, "gguf_file": link.name}
            config = AutoConfig.from_pretrained(**source)
            set_ignored_settings(config, contents, path)
            set_rope_base(config, contents, path)
            set_rotary_dimensions(config, contents)
            scale_rope(config, contents, path)
            set_attention_scalar(config, contents)
            check_size(AutoModelForCausalLM, config, contents, str(path))
            model = load_weights(
                AutoModelForCausalLM, str(path), **source, config=config, dtype=torch.float32
            )
            _check_unused(model, contents, path)
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(**source)
            correct_tokenizer(tokenizer, contents)
            tokenizer = make_reloadable(tokenizer, config, path)
        _remove_quantization(model)
        # the start token is chosen when the copy is loaded
        return save_model(LanguageModel(model, tokenizer, str(path), "causal", ""), target)


def _check_unused(model: PreTrainedModel, contents: GGUFContents, path: Path) -> None:
    """Check that no tensor of the layers or of a loaded module was ignored.

    Raises:
        InputError: one was.
    """
    if not contents.by_name:
        return
    architecture = contents.architecture
    processor: Any = TENSOR_PROCESSORS.get(architecture, TensorProcessor)
    used = get_gguf_hf_weights_map(model, processor())
    modules = {name.rpartition(".")[0] for name in used}
    layers = model.config.num_hidden_layers
    for name in contents.by_name:
        owner, _, leaf = name.rpartition(".")
        ignored = leaf in ("weight", "bias") and owner in modules and name not in used
        ignored |= leaf == "scale"  # of a whole tensor, as in NVFP4
        block = re.match(r"blk\.(\d+)\.", name)
        if ignored or (block and int(block[1]) >= layers):
            raise InputError(
                f"{path}: transformers does not load {name} in architecture {architecture!r}; "
                "give the transformers checkpoint instead"
            )


def _remove_quantization(model: PreTrainedModel) -> None:
    """Mark the weights as float32, so that the model can be saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    vars(model)["hf_quantizer"] = None
