"""Describe a byte-level BPE tokenizer in GGUF."""

from __future__ import annotations

import json
from typing import Any

from gguf import GGUFWriter, TokenType
from transformers import PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models.gguf_export.layout import CONVERTER

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {_WORDS % r"\p{N}{1,3}": "llama-bpe", _WORDS % r"\p{N}": "qwen2"}
"""Pattern that splits texts into words → llama.cpp's name of the tokenizer."""


def add_vocabulary(
    writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase, size: int, name: str
) -> None:
    """Add the tokens, merges and special tokens of a tokenizer to the metadata of a file.

    Args:
        writer: of the file.
        tokenizer: a fast one.
        size: number of rows of the input embeddings.
        name: of the model, for messages.

    Raises:
        InputError: it is no byte-level BPE tokenizer that llama.cpp knows by name, or has more
            tokens than the model.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = name_pretokenizer(content)
    if kind is None:
        raise InputError(
            f"{name}: its tokenizer needs the original's GGUF file as --template; or {CONVERTER}"
        )
    tokens = {token: index for index, token in enumerate_tokens(content)}
    if (most := max(tokens.values())) >= size:
        raise InputError(f"{name}: token {most} is beyond its {size} embeddings; add embeddings")
    added = {token["id"]: token for token in content["added_tokens"]}
    names = {index: token for token, index in tokens.items()}
    texts, types = [], []
    for index in range(size):
        if index not in names:
            kind_of_token = TokenType.UNUSED
        elif index in added:
            special = added[index]["special"]
            kind_of_token = TokenType.CONTROL if special else TokenType.USER_DEFINED
        else:
            kind_of_token = TokenType.NORMAL
        texts.append(names.get(index, f"[PAD{index}]"))
        types.append(kind_of_token)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(kind)
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(
        [pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]]
    )
    for role, add in (
        ("bos", writer.add_bos_token_id),
        ("eos", writer.add_eos_token_id),
        ("unk", writer.add_unk_token_id),
        ("pad", writer.add_pad_token_id),
    ):
        token_id = getattr(tokenizer, f"{role}_token_id")
        if token_id is not None:
            add(token_id)
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(len(framed) > len(plain) and framed[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(len(framed) > len(plain) and framed[-1] == tokenizer.eos_token_id)
    writer.add_add_space_prefix(False)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def enumerate_tokens(content: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the ids and texts of all tokens of a `tokenizer.json`."""
    added = [(token["id"], token["content"]) for token in content["added_tokens"]]
    return [(index, token) for token, index in content["model"]["vocab"].items()] + added


def name_pretokenizer(content: dict[str, Any]) -> str | None:
    """Return llama.cpp's name for how a tokenizer splits texts, or None if it is not known here.

    Args:
        content: of `tokenizer.json`.
    """
    model, splitter = content["model"], content["pre_tokenizer"]
    normalizer = content["normalizer"] or {"type": "NFC"}  # llama.cpp ignores NFC, for Qwen2
    if model["type"] != "BPE" or model.get("byte_fallback") or normalizer["type"] != "NFC":
        return None
    parts = [splitter] if (splitter or {}).get("type") != "Sequence" else splitter["pretokenizers"]
    *before, last = parts
    if not last or last["type"] != "ByteLevel" or last["add_prefix_space"]:
        return None
    name = None
    if last["use_regex"] and not before:
        name = "gpt-2"
    elif last["use_regex"] and before == [{"type": "Digits", "individual_digits": True}]:
        name = "smollm"
    elif not last["use_regex"] and len(before) == 1 and before[0]["type"] == "Split":
        isolated = before[0]["behavior"] == "Isolated" and not before[0]["invert"]
        name = PATTERNS.get(before[0]["pattern"].get("Regex", "")) if isolated else None
    # only the first of these looks whole words up before it merges
    return name if bool(model.get("ignore_merges")) == (name == "llama-bpe") else None
