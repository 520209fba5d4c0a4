"""Byte-level BPE tokenizers: the names of their pre-tokenizers in llama.cpp."""

from __future__ import annotations

from typing import Any

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {_WORDS % r"\p{N}{1,3}": "llama-bpe", _WORDS % r"\p{N}": "qwen2"}
"""Regular expression that splits texts into words → name of the pre-tokenizer in llama.cpp."""


def name_pretokenizer(content: dict[str, Any]) -> str | None:
    """Return the name of a pre-tokenizer in llama.cpp, or None if it is not supported.

    Args:
        content: the content of `tokenizer.json`.
    """
    model, splitter = content["model"], content["pre_tokenizer"]
    normalizer = content["normalizer"] or {"type": "NFC"}  # llama.cpp ignores NFC, also for Qwen2
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
    # only Llama 3 looks up whole words before it merges
    return name if bool(model.get("ignore_merges")) == (name == "llama-bpe") else None
