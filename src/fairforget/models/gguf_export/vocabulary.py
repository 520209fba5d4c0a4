"""Describe a tokenizer in GGUF."""

from __future__ import annotations

import json
from typing import Any

from gguf import GGUFWriter, TokenType
from transformers import PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.models.gguf_export import byte_level, sentencepiece
from fairforget.models.gguf_export.layout import CONVERTER


def add_vocabulary(
    writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase, size: int, name: str
) -> None:
    """Add the tokens, their merges or scores, and the special tokens to the metadata of a file.

    Args:
        writer: the writer of the file.
        tokenizer: a fast tokenizer.
        size: number of rows of the input embeddings.
        name: name of the model, for messages.

    Raises:
        InputError: llama.cpp would split texts into other tokens.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = sentencepiece.is_sentencepiece(content)
    splitter = byte_level.name_pretokenizer(content)
    if splitter is None and not pieces:
        raise InputError(
            f"{name}: its tokenizer {type(tokenizer).__name__} splits texts in a way that cannot "
            f"be exported; give the original's GGUF file as --template, or {CONVERTER}"
        )
    texts, types = _list_tokens(content, size)
    if splitter:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(splitter)
        writer.add_token_merges([" ".join(pair) for pair in _list_merges(content)])
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(sentencepiece.score(texts, _list_merges(content)))
        texts, types = sentencepiece.finish_tokens(texts, types, tokenizer.unk_token)
    writer.add_token_list(texts)
    writer.add_token_types(types)
    for role, add in (
        ("bos", writer.add_bos_token_id),
        ("eos", writer.add_eos_token_id),
        ("unk", writer.add_unk_token_id),
        ("pad", writer.add_pad_token_id),
    ):
        token_id = getattr(tokenizer, f"{role}_token_id")
        if token_id is not None and token_id < size:
            add(token_id)
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(len(framed) > len(plain) and framed[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(len(framed) > len(plain) and framed[-1] == tokenizer.eos_token_id)
    writer.add_add_space_prefix(False)
    if isinstance(templates := tokenizer.chat_template, dict):
        named = [{"name": name, "template": text} for name, text in templates.items()]
        writer.add_chat_template(named)
    elif templates:
        writer.add_chat_template(templates)


def _list_tokens(content: dict[str, Any], size: int) -> tuple[list[str], list[TokenType]]:
    """Return the text and the type of the token of each embedding.

    Embeddings without a token get placeholders. Tokens without an embedding, such as those for
    images, are left out.
    """
    added = {token["id"]: token for token in content["added_tokens"]}
    names = {index: token for token, index in content["model"]["vocab"].items()}
    names |= {index: token["content"] for index, token in added.items()}
    texts, types = [], []
    for index in range(size):
        texts.append(names.get(index, f"[PAD{index}]"))
        if index not in names:
            types.append(TokenType.UNUSED)
        elif index in added:
            special = added[index]["special"]
            types.append(TokenType.CONTROL if special else TokenType.USER_DEFINED)
        else:
            types.append(TokenType.NORMAL)
    return texts, types


def _list_merges(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of tokens that a BPE model merges, in order of priority."""
    pairs = [  # strings with a space in older files
        pair.split(" ", 1) if isinstance(pair, str) else pair for pair in content["model"]["merges"]
    ]
    return [(left, right) for left, right in pairs]
