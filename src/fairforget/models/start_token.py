"""The token that stands before the first word of a text."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from fairforget.errors import InputError

CHAT_MARKERS = {"<|im_start|>", "<|im_end|>"}
DOCUMENT_SEPARATOR = "<|endoftext|>"


def select_start_token(tokenizer: PreTrainedTokenizerBase, asked: str | None, name: str) -> str:
    """The one that is asked for; else the tokenizer's BOS, EOS or separator of documents.

    Args:
        tokenizer: in whose vocabulary it must be.
        asked: by the user, if any.
        name: of the model, for messages.

    Raises:
        InputError: it is not in the vocabulary, or none is named.
    """
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
