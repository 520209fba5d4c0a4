"""A model of transformers that is in memory is used as one that was loaded by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers as hf
from transformers import AutoModel, AutoModelForCausalLM

from fairforget import evaluate, token_log_probs, wrap_model
from fairforget.errors import InputError
from fairforget.methods.prompt import apply_prompt
from fairforget.models.loading import load_model

from .models import CAUSAL, MASKED, copy_weights, save_tiny, tiny, tiny_model, word_tokenizer


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
    with pytest.raises(InputError, match="a GPT2Model, which is not a language model"):
        wrap_model(body, word_tokenizer())
    pretraining = hf.BertForPreTraining(tiny("bert").config)
    with pytest.raises(InputError, match="a BertForPreTraining, which is not a language model"):
        wrap_model(pretraining, tiny_model("bert").tokenizer)
    with pytest.raises(InputError, match=r"model must be a transformers.PreTrainedModel, not str"):
        wrap_model("gpt2", word_tokenizer())
    with pytest.raises(InputError, match=r"tokenizer must be a .*Base, not str"):
        wrap_model(tiny("gpt2"), "gpt2")


def test_the_kind_is_that_of_the_model_and_not_of_its_checkpoint(tmp_path: Path) -> None:
    path = save_tiny("bert", tmp_path / "bert")
    assert wrap_model(tiny("bert"), tiny_model("bert").tokenizer).kind == "masked"
    decoder = AutoModelForCausalLM.from_pretrained(path, is_decoder=True)
    assert decoder.config.architectures == ["BertForMaskedLM"]
    assert wrap_model(decoder, tiny_model("bert").tokenizer).kind == "causal"
    encoder = AutoModelForCausalLM.from_pretrained(path)
    with pytest.raises(InputError, match="predicts a token from later ones"):
        wrap_model(encoder, tiny_model("bert").tokenizer)


def test_a_model_that_is_wrapped_again_is_checked_once() -> None:
    model, tokenizer = tiny("gpt2"), word_tokenizer()
    tokenizer.add_tokens([f"<{number}>" for number in range(model.config.vocab_size + 1)])
    for _ in range(3):
        wrapped = wrap_model(model, tokenizer)
    assert len(model.get_input_embeddings()._forward_pre_hooks) == 1
    last = tokenizer.convert_tokens_to_ids(f"<{model.config.vocab_size}>")
    with pytest.raises(InputError, match="that model 'GPT2LMHeadModel' has no embedding for"):
        token_log_probs(wrapped.model, [[wrapped.start_id, last, 5]])


def test_a_deep_rwkv_keeps_its_weights() -> None:
    config = hf.RwkvConfig(
        vocab_size=len(word_tokenizer()),
        hidden_size=16,
        num_hidden_layers=7,
        attention_hidden_size=16,
    )
    wrapped = wrap_model(hf.RwkvForCausalLM(config), word_tokenizer())
    before = copy_weights(wrapped.model)
    token_log_probs(wrapped.model, [[wrapped.start_id, 5, 6]])
    after = copy_weights(wrapped.model)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_with_a_prompt_is_no_model_of_a_family() -> None:
    prompted = apply_prompt(tiny_model("llama"), "All are alike.\n")
    with pytest.raises(InputError, match="'llama' is a PrefixedModel; give a causal or masked"):
        wrap_model(prompted.model, prompted.tokenizer, name="llama")
