"""Tokenizers of GGUF files split texts as the files say, whatever transformers makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import normalizers

from fairforget import export, load_model
from fairforget.models.gguf_header import GGUFContents
from fairforget.models.gguf_tokenizer import correct_tokenizer
from fairforget.models.language_model import LanguageModel
from fairforget.models.saving import save_model

from .gguf_files import learn_pieces
from .models import tiny
from .test_gguf_vocabulary import TEXTS

PIECES = [*TEXTS, " a space before", "and after ", "   ", "▁", "tags <|user|> in <eos> it"]


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
