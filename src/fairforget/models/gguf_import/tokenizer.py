"""Correct the tokenizer that transformers makes from a GGUF file."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Regex, decoders, normalizers
from tokenizers.pre_tokenizers import (
    ByteLevel,
    Digits,
    Metaspace,
    PreTokenizer,
    Sequence,
    Split,
)
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models.gguf_export.byte_level import PATTERNS
from fairforget.models.gguf_import.header import GGUFContents
from fairforget.models.tokenizer_checks import splitting_rules

SPACE = "▁"
"""Stands for a space in the tokens of SentencePiece."""
PLAIN_CLASS = "TokenizersBackend"
"""Class of transformers' tokenizers that are loaded as they were saved."""
TABLE = "transformers.integrations.gguf.gguf_tokenizer_mapping"
"""Module of newer versions of transformers with the pre-tokenizers that it makes from names."""
LIKE_GPT2 = ("gpt-2", "phi-2", "mpt", "olmo", "gigachat", "mellum", "a.x-4.0")
"""Pre-tokenizers in llama.cpp that split texts like that of GPT-2."""
LIKE_SMOLLM = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
"""Pre-tokenizers in llama.cpp that first split off every digit, and then split like GPT-2."""

WHOLE_WORDS = (
    *("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
    "tekken",
)
"""Pre-tokenizers in llama.cpp after which a word that is a token stays one, whatever the merges."""


def check_pretokenizer(contents: GGUFContents, path: Path) -> None:
    """Check that texts can be split into words as a GGUF file says.

    Args:
        contents: of the file.
        path: of the file.

    Raises:
        InputError: the file does not say how, or transformers would split otherwise.
    """
    if contents.values.get("tokenizer.ggml.model") != "gpt2":
        return  # only byte-level BPE has several ways
    name = _name_pretokenizer(contents)
    if _make_pretokenizer(name) is None and name not in _list_known():
        raise InputError(
            f"{path}: unsupported pre-tokenizer (tokenizer.ggml.pre = {name}), so texts would not "
            "be tokenised as in llama.cpp; give the transformers checkpoint instead"
        )


def correct_tokenizer(tokenizer: PreTrainedTokenizerBase, contents: GGUFContents) -> None:
    """Make a tokenizer split texts as its GGUF file specifies.

    Args:
        tokenizer: the tokenizer that transformers made from the file; modified in place.
        contents: of the file, which `check_pretokenizer` has accepted.
    """
    model = contents.values.get("tokenizer.ggml.model")
    if model == "llama" and contents.values.get("tokenizer.ggml.add_space_prefix") is False:
        _add_no_space(tokenizer)
    elif model == "gpt2":
        name = _name_pretokenizer(contents)
        if splitter := _make_pretokenizer(name):
            tokenizer.backend_tokenizer.pre_tokenizer = splitter
        if name in WHOLE_WORDS:
            tokenizer.backend_tokenizer.model.ignore_merges = True


def make_reloadable(
    tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, path: Path
) -> PreTrainedTokenizerBase:
    """Return a tokenizer that splits texts the same way after saving and loading.

    Some classes, such as that of StarCoder2, rebuild their rules and ignore the saved ones.

    Args:
        tokenizer: a corrected tokenizer.
        config: of its model, which also decides with which class it is loaded.
        path: of the GGUF file.

    Raises:
        InputError: transformers always loads it with such a class.
    """
    rules = _read_rules(tokenizer)
    with TemporaryDirectory() as directory:
        tokenizer.save_pretrained(directory)
        config.save_pretrained(directory)
        if _read_rules(AutoTokenizer.from_pretrained(directory)) == rules:
            return tokenizer
        saved = Path(directory) / "tokenizer_config.json"
        settings = json.loads(saved.read_text(encoding="utf-8"))
        settings["tokenizer_class"] = PLAIN_CLASS
        saved.write_text(json.dumps(settings), encoding="utf-8")
        plain: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(directory)
    if _read_rules(plain) != rules:
        raise InputError(
            f"{path}: transformers loads every tokenizer of a {config.model_type} model with "
            f"{type(plain).__name__}, which splits texts otherwise than this file says; give the "
            "transformers checkpoint instead"
        )
    return plain


def _read_rules(tokenizer: PreTrainedTokenizerBase) -> list[object]:
    """Return how a tokenizer splits texts into tokens, but for Unicode's composed characters.

    llama.cpp does not compose them; transformers does for some architectures.
    """
    normalizer, *others = splitting_rules(tokenizer)
    return [None if normalizer == {"type": "NFC"} else normalizer, *others]


def _add_no_space(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make a SentencePiece tokenizer add no space before the text."""
    backend = tokenizer.backend_tokenizer
    if isinstance(backend.pre_tokenizer, Metaspace):
        backend.pre_tokenizer = Metaspace(SPACE, prepend_scheme="never", split=False)
    else:  # that of Phi-3 adds the space in its normalizer
        backend.normalizer = normalizers.Replace(" ", SPACE)
    backend.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )


def _name_pretokenizer(contents: GGUFContents) -> str:
    """Return llama.cpp's name of the pre-tokenizer of a byte-level BPE tokenizer."""
    name = str(contents.values.get("tokenizer.ggml.pre", "missing"))
    # converters gave no name before May 2024
    return "gpt-2" if name in ("missing", "default") and contents.architecture == "gpt2" else name


def _make_pretokenizer(name: str) -> PreTokenizer | None:
    """Return the pre-tokenizer with this name in llama.cpp, or None if it is not among ours."""
    if name in LIKE_GPT2:
        return ByteLevel(add_prefix_space=False)
    if name in LIKE_SMOLLM:
        return Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
    for pattern, known in PATTERNS.items():
        if name == known:
            words = Split(Regex(pattern), behavior="isolated")
            return Sequence([words, ByteLevel(add_prefix_space=False, use_regex=False)])
    return None


def _list_known() -> frozenset[str]:
    """Return llama.cpp's names of the pre-tokenizers that transformers takes from GGUF files."""
    try:
        module = import_module(TABLE)
    except ImportError:
        return frozenset()
    return frozenset(getattr(module, "GGUF_PRE_TOKENIZER_SPLITS", ()))
