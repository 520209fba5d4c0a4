"""Correct the tokenizer that transformers makes from a GGUF file."""

from __future__ import annotations

from tokenizers import decoders, normalizers
from tokenizers.pre_tokenizers import Metaspace
from transformers import PreTrainedTokenizerBase

from fairforget.models.gguf_header import GGUFContents

SPACE = "▁"
"""Stands for a space in the tokens of SentencePiece."""


def correct_tokenizer(tokenizer: PreTrainedTokenizerBase, contents: GGUFContents) -> None:
    """Make a tokenizer split texts as the metadata of its GGUF file say.

    Args:
        tokenizer: the tokenizer that transformers made from the file; modified in place.
        contents: of the file.
    """
    values = contents.values
    if (
        values.get("tokenizer.ggml.model") == "llama"
        and values.get("tokenizer.ggml.add_space_prefix") is False
    ):
        _add_no_space(tokenizer)


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
