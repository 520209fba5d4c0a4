"""Tiny models for GGUF files, and what such a file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import transformers as hf
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize
from tokenizers import Tokenizer, decoders, normalizers, trainers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing

from fairforget import load_model
from fairforget.models.language_model import LanguageModel

from . import llama_cpp
from .models import SENTENCES, VOCABULARY, _common

IDS = [0, 50, 300, 12, 77, 350, 201, 5, 301, 120, 64, 399]
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def open_file(path: Path, architecture: str, config: hf.PretrainedConfig) -> GGUFWriter:
    """A file with the sizes of a model, as llama.cpp's converter writes them."""
    writer = GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    return writer


def close_file(writer: GGUFWriter) -> None:
    """Write everything that was added to a file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def log_probs(model: LanguageModel) -> np.ndarray:
    with torch.no_grad():
        return model.model(torch.tensor([IDS])).logits[0].double().log_softmax(-1).numpy()


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {t.name: dequantize(t.data, t.tensor_type) for t in GGUFReader(path).tensors}


def kinds(path: Path) -> dict[str, str]:
    return {t.name: t.tensor_type.name for t in GGUFReader(path).tensors}


def learn_pieces(texts: list[str], *, prefix: bool = False) -> hf.PreTrainedTokenizerFast:
    """As Gemma's: characters and bytes, spaces that are merged like letters."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    replace = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = (
        normalizers.Sequence([normalizers.Prepend("▁"), replace]) if prefix else replace
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 5,
        special_tokens=["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{n:02X}>" for n in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts * 3, trainer)
    tokenizer.add_tokens(["<|user|>"])
    tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        pad_token="<pad>",
    )


def gemma3(**more: object) -> LanguageModel:
    """Layers with windows shorter than the text, and two without."""
    torch.manual_seed(0)
    common = _common(num_hidden_layers=7, num_key_value_heads=2, head_dim=256, sliding_window=8)
    config = hf.Gemma3TextConfig(**{**common, **more}, tie_word_embeddings=True)
    model = hf.Gemma3ForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return LanguageModel(model, learn_pieces(SENTENCES), "gemma3", "causal", "<bos>")


def check_gemma(path: Path, made: LanguageModel) -> None:
    """Norms are stored plus one, and attention alternates between windows and whole texts."""
    expected = log_probs(made)
    np.testing.assert_allclose(log_probs(load_model(path)), expected, atol=1e-5)
    found = llama_cpp.log_probs(path, IDS)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    np.testing.assert_allclose(found, expected, atol=0.02)  # its GELU is a table of f16
