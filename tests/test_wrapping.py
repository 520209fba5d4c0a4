"""A model of transformers that is in memory is used as one that was loaded by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModel, AutoModelForCausalLM

from fairforget import evaluate, wrap_model
from fairforget.errors import InputError
from fairforget.models.loading import load_model

from .models import CAUSAL, MASKED, save_tiny, tiny, tiny_model, word_tokenizer


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_a_model_in_memory_is_wrapped_as_it_is_loaded(family: str) -> None:
    expected = tiny_model(family)
    found = wrap_model(expected.model, expected.tokenizer, name=family)
    assert found == expected


def test_it_is_named_after_its_source_or_its_class(tmp_path: Path) -> None:
    path = save_tiny("llama", tmp_path / "llama")
    loaded = load_model(path, device="cpu")
    again = AutoModelForCausalLM.from_pretrained(path)
    assert wrap_model(again, loaded.tokenizer).source == str(path)
    assert wrap_model(tiny("gpt2"), word_tokenizer()).source == "GPT2LMHeadModel"


def test_its_scores_are_those_of_the_loaded_model(tmp_path: Path) -> None:
    path = save_tiny("llama", tmp_path / "llama")
    text = tmp_path / "text.csv"
    text.write_text("text\n" + "The river has an old mill. " * 20)
    loaded = load_model(path, device="cpu")
    wrapped = wrap_model(AutoModelForCausalLM.from_pretrained(path), loaded.tokenizer)
    benchmarks = [f"perplexity:{text}"]
    first, second = (evaluate(model, benchmarks=benchmarks) for model in (loaded, wrapped))
    assert first[benchmarks[0]] == second[benchmarks[0]]


def test_the_start_token_may_be_chosen() -> None:
    tokenizer = word_tokenizer()
    word = tokenizer.convert_ids_to_tokens(5)
    assert wrap_model(tiny("gpt2"), tokenizer, start_token=word).start_token == word
    with pytest.raises(InputError, match="'<none>' is not in the vocabulary of 'GPT2LMHeadModel'"):
        wrap_model(tiny("gpt2"), tokenizer, start_token="<none>")


def test_what_is_no_language_model_is_refused(tmp_path: Path) -> None:
    path = save_tiny("gpt2", tmp_path / "gpt2")
    body = AutoModel.from_pretrained(path)
    with pytest.raises(InputError, match="a GPT2Model, which has no language modelling head"):
        wrap_model(body, word_tokenizer())
    with pytest.raises(TypeError, match="not str"):
        wrap_model("gpt2", word_tokenizer())
