"""Tokenizers of GGUF files split texts as the files say, whatever transformers makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers as hf
from tokenizers import Tokenizer, normalizers

from fairforget import InputError, export, load_model
from fairforget.models.gguf_import import tokenizer as gguf_tokenizer
from fairforget.models.gguf_import.header import GGUFContents
from fairforget.models.gguf_import.tokenizer import (
    LIKE_GPT2,
    LIKE_SMOLLM,
    WHOLE_WORDS,
    check_pretokenizer,
    correct_tokenizer,
    make_reloadable,
)
from fairforget.models.language_model import LanguageModel
from fairforget.models.saving import save_model

from . import llama_cpp
from .gguf_files import learn_pieces
from .models import tiny
from .test_gguf_reading import rewrite
from .test_gguf_vocabulary import SPLITTERS, TEXTS, learn, save

PIECES = [*TEXTS, " a space before", "and after ", "   ", "▁", "tags <|user|> in <eos> it"]
WORDS = [*TEXTS, "in 2  or 22\n\n3. lines\n 4", "It's 'TIS, two 2's, ½ and Ⅷ of x²\t5"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))


def test_a_file_without_a_space_before_the_text_comes_back(tmp_path: Path) -> None:
    tokenizer = learn_pieces(TEXTS)
    made = LanguageModel(tiny("llama"), tokenizer, "a", "causal", "<bos>")
    path = export(save_model(made, tmp_path / "model"), tmp_path / "a.gguf")
    found = load_model(path, device="cpu").tokenizer
    for text in PIECES:
        tokens = found(text)["input_ids"]
        assert tokens == tokenizer(text)["input_ids"], text
        assert found.decode(tokens) == tokenizer.decode(tokens), text


@pytest.mark.parametrize("added", [False, True])
def test_a_normalizer_adds_a_space_only_if_the_file_says_so(added: bool) -> None:
    bare = learn_pieces(TEXTS)
    spaced = learn_pieces(TEXTS)
    spaced.backend_tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), bare.backend_tokenizer.normalizer]
    )
    values = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_space_prefix": added}
    correct_tokenizer(spaced, GGUFContents(0, 0, values, {}))
    same = [spaced(text)["input_ids"] == bare(text)["input_ids"] for text in TEXTS]
    assert all(same) is not added


def export_words(directory: Path, name: str) -> tuple[Path, hf.PreTrainedTokenizerFast]:
    """A file with byte-level tokens, learnt with one of llama.cpp's ways to split texts."""
    tokenizer = learn(name, SPLITTERS[name])
    return export(save(tokenizer, directory / "model"), directory / "plain.gguf"), tokenizer


@pytest.mark.parametrize("name", SPLITTERS)
def test_byte_level_tokens_come_back(name: str, tmp_path: Path) -> None:
    path, tokenizer = export_words(tmp_path, name)
    found = load_model(path, device="cpu").tokenizer
    for text in WORDS:
        assert found(text)["input_ids"] == tokenizer(text)["input_ids"], text


@pytest.mark.parametrize("architecture", ["starcoder2", "qwen2"])
def test_a_class_that_rebuilds_its_rules_does_not_replace_those_of_the_file(
    architecture: str, tmp_path: Path
) -> None:
    """transformers loads every tokenizer of Qwen2 with its own class, and one of StarCoder2 not."""
    backend = learn("smollm", SPLITTERS["smollm"]).backend_tokenizer
    kind, config = {
        "starcoder2": (hf.GPT2Tokenizer, hf.Starcoder2Config),
        "qwen2": (hf.Qwen2Tokenizer, hf.Qwen2Config),
    }[architecture]
    rules = json.loads(backend.to_str())["model"]
    merges = [tuple(merge) for merge in rules["merges"]]
    tokenizer = kind(vocab=rules["vocab"], merges=merges)
    tokenizer.backend_tokenizer.pre_tokenizer = backend.pre_tokenizer
    expected = [tokenizer(text)["input_ids"] for text in WORDS]
    if architecture == "qwen2":
        with pytest.raises(InputError, match="with Qwen2Tokenizer, which splits texts otherwise"):
            make_reloadable(tokenizer, config(), Path("a.gguf"))
        return
    made = make_reloadable(tokenizer, config(), Path("a.gguf"))
    made.save_pretrained(tmp_path)
    config().save_pretrained(tmp_path)
    found = hf.AutoTokenizer.from_pretrained(tmp_path)
    assert [found(text)["input_ids"] for text in WORDS] == expected


@pytest.mark.parametrize("name", [*LIKE_GPT2, *LIKE_SMOLLM])
def test_pre_tokenizers_of_the_same_kind_split_as_in_llama_cpp(name: str, tmp_path: Path) -> None:
    original, _ = export_words(tmp_path, "gpt-2")  # its tokens have several digits
    path = rewrite(original, tokenizer__ggml__pre=name)
    found = load_model(path, device="cpu").tokenizer
    for text in WORDS:
        assert found(text)["input_ids"] == llama_cpp.tokens(path, text), text


@pytest.mark.parametrize("name", WHOLE_WORDS)
def test_a_word_that_is_a_token_stays_one_as_in_llama_cpp(name: str, tmp_path: Path) -> None:
    table = pytest.importorskip(gguf_tokenizer.TABLE).GGUF_PRE_TOKENIZER_SPLITS
    if name not in table and name != "llama-bpe":
        pytest.skip("files with this pre-tokenizer are refused")
    learnt = json.loads(learn("llama-bpe", SPLITTERS["llama-bpe"]).backend_tokenizer.to_str())
    merges = learnt["model"]["merges"]
    used = {part for merge in merges for part in merge}
    last = next(merge for merge in merges if "".join(merge) not in used)
    merges.remove(last)  # the merges no longer reach this token
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(learnt)),
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
    )
    saved = export(save(tokenizer, tmp_path / "model"), tmp_path / "plain.gguf")
    path = rewrite(saved, tokenizer__ggml__pre=name)
    text = "".join(last).replace("Ġ", " ")
    tokens = load_model(path, device="cpu").tokenizer(text)["input_ids"]
    assert tokens == llama_cpp.tokens(path, text)
    assert tokens[1:] == [learnt["model"]["vocab"]["".join(last)]]  # after the start token


@pytest.mark.parametrize("name", ["deepseek-llm", "falcon", "bloom", "stablelm2", "default", "new"])
def test_other_ways_to_split_are_refused(name: str, tmp_path: Path) -> None:
    original, _ = export_words(tmp_path, "gpt-2")
    path = rewrite(original, tokenizer__ggml__pre=name)
    with pytest.raises(InputError, match=rf"pre = {name}\), .* give the transformers checkpoint"):
        load_model(path, device="cpu")


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("llama", "llama-bpe"), ("qwen2", "qwen2"), ("llama", "smollm"), ("gpt2", None)],
)
def test_common_files_do_not_depend_on_the_table_of_transformers(
    architecture: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_tokenizer, "TABLE", "transformers.has.no.such.module")
    named = {"tokenizer.ggml.pre": name} if name else {}
    values = {"general.architecture": architecture, "tokenizer.ggml.model": "gpt2", **named}
    check_pretokenizer(GGUFContents(0, 0, values, {}), Path("a.gguf"))
    values["tokenizer.ggml.pre"] = "tekken"
    with pytest.raises(InputError, match="pre = tekken"):
        check_pretokenizer(GGUFContents(0, 0, values, {}), Path("a.gguf"))


def test_a_file_that_does_not_say_how_to_split_is_refused() -> None:
    values = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2"}
    with pytest.raises(InputError, match="pre = missing"):
        check_pretokenizer(GGUFContents(0, 0, values, {}), Path("a.gguf"))


def test_names_that_transformers_knows_are_accepted() -> None:
    table = pytest.importorskip(gguf_tokenizer.TABLE).GGUF_PRE_TOKENIZER_SPLITS
    for name in table:
        values = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name}
        check_pretokenizer(GGUFContents(0, 0, values, {}), Path("a.gguf"))
