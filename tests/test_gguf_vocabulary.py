"""Byte-level BPE tokenizers in GGUF: llama.cpp splits texts as they do."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers as hf
from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE, WordPiece
from tokenizers.processors import TemplateProcessing

from fairforget import InputError, export
from fairforget.models.language_model import LanguageModel
from fairforget.models.saving import save_model

from . import llama_cpp
from .gguf_files import learn_pieces
from .models import VOCABULARY, tiny

TEXTS = [
    "Women are late. They've 1234 bridges, and I'LL see 3.5 of them!",
    "  two  spaces\n\n\tand lines \n at the end   ",
    "naïve café, Straße; 女性は遅れる。 ١٢٣ 😀👩‍🔬",
    "def f(x): return x**2 # ---===",
    "<|user|>Hi<|endoftext|> there",
]
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = pre_tokenizers.ByteLevel


def split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            BYTES(add_prefix_space=False, use_regex=False),
        ]
    )


SPLITTERS = {
    "gpt-2": BYTES(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), BYTES(add_prefix_space=False)]
    ),
    "llama-bpe": split(_WORDS % "{1,3}"),
    "qwen2": split(_WORDS % ""),
}
OTHERS = {
    "prefix": BYTES(add_prefix_space=True),
    "pattern": split(r"\s+|\w+"),
    "bytes": pre_tokenizers.Whitespace(),
}


def learn(name: str, splitter: pre_tokenizers.PreTokenizer) -> hf.PreTrainedTokenizerFast:
    tokenizer = Tokenizer(BPE(ignore_merges=name == "llama-bpe"))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    if name == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 5,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=BYTES.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.add_tokens(["<|user|>"])
    if name == "llama-bpe":
        tokenizer.post_processor = TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
        )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def save(tokenizer: hf.PreTrainedTokenizerFast, directory: Path) -> Path:
    made = LanguageModel(tiny("llama"), tokenizer, "a", "causal", "<|endoftext|>")
    return save_model(made, directory)


@pytest.mark.parametrize("name", SPLITTERS)
def test_llama_cpp_splits_texts_into_the_same_tokens(name: str, tmp_path: Path) -> None:
    tokenizer = learn(name, SPLITTERS[name])
    path = export(save(tokenizer, tmp_path / "model"), tmp_path / "a.gguf")
    fields = GGUFReader(path).fields
    assert fields["tokenizer.ggml.pre"].contents() == name
    assert len(fields["tokenizer.ggml.tokens"].contents()) == VOCABULARY  # those without a text too
    for text in TEXTS:
        found = llama_cpp.tokens(path, text)
        assert found == tokenizer(text)["input_ids"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_tokenizer_that_llama_cpp_has_no_name_for_is_refused(name: str, tmp_path: Path) -> None:
    directory = save(learn(name, OTHERS[name]), tmp_path / "model")
    with pytest.raises(InputError, match=r"its tokenizer .*convert_hf_to_gguf\.py"):
        export(directory, tmp_path / "a.gguf")


def test_other_algorithms_are_refused(tmp_path: Path) -> None:
    words = Tokenizer(WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="[UNK]")
    with pytest.raises(InputError, match=r"its tokenizer .*convert_hf_to_gguf\.py"):
        export(save(tokenizer, tmp_path / "model"), tmp_path / "a.gguf")


def test_tokens_without_an_embedding_are_left_out(tmp_path: Path) -> None:
    tokenizer = learn("gpt-2", SPLITTERS["gpt-2"])
    tokenizer.add_tokens([f"<|{number}|>" for number in range(10)])
    path = export(save(tokenizer, tmp_path / "model"), tmp_path / "a.gguf")
    assert len(GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()) == VOCABULARY
    assert llama_cpp.tokens(path, TEXTS[0]) == tokenizer(TEXTS[0])["input_ids"]


def test_llama_cpp_merges_characters_into_the_same_tokens(tmp_path: Path) -> None:
    tokenizer = learn_pieces(TEXTS[:2] + TEXTS[3:])  # other scripts fall back on bytes
    made = LanguageModel(tiny("llama"), tokenizer, "a", "causal", "<bos>")
    path = export(save_model(made, tmp_path / "model"), tmp_path / "a.gguf")
    for text in [*TEXTS, "bos and <eos> <|user|> to", "▁", "   "]:
        found = llama_cpp.tokens(path, text)
        assert found == tokenizer(text)["input_ids"], text


def test_user_defined_spaces_are_written_as_llama_cpp_looks_for_them(tmp_path: Path) -> None:
    tokenizer = learn_pieces(TEXTS[:2])
    tokenizer.add_tokens(["▁▁▁"])  # as in the tokenizer of Gemma
    spaces = tokenizer.convert_tokens_to_ids("▁▁▁")
    made = LanguageModel(tiny("llama"), tokenizer, "a", "causal", "<bos>")
    path = export(save_model(made, tmp_path / "model"), tmp_path / "a.gguf")
    assert GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()[spaces] == "   "
    assert spaces in llama_cpp.tokens(path, "two   spaces")


def test_every_chat_template_is_exported(tmp_path: Path) -> None:
    tokenizer = learn("gpt-2", SPLITTERS["gpt-2"])
    tokenizer.chat_template = {"default": "{{ messages }}", "tools": "{{ tools }}"}
    fields = GGUFReader(export(save(tokenizer, tmp_path / "model"), tmp_path / "a.gguf")).fields
    assert fields["tokenizer.chat_template"].contents() == "{{ messages }}"
    assert fields["tokenizer.chat_template.tools"].contents() == "{{ tools }}"


def test_a_space_before_the_text_is_refused(tmp_path: Path) -> None:
    made = LanguageModel(tiny("llama"), learn_pieces(TEXTS, prefix=True), "a", "causal", "<bos>")
    with pytest.raises(InputError, match=r"its tokenizer .*convert_hf_to_gguf\.py"):
        export(save_model(made, tmp_path / "model"), tmp_path / "a.gguf")
