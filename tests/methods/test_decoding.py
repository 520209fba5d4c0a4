"""Methods that change decoding score as a plain computation does, text by text."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

from fairforget.errors import InputError
from fairforget.evaluation.evaluate import evaluate
from fairforget.forward.linear_head import linear_head
from fairforget.forward.packing import supports_tree_attention
from fairforget.forward.padding import pad
from fairforget.generation.decoding import Decoding
from fairforget.generation.engine import encode_prompts, generate
from fairforget.methods import METHODS, MethodOptions
from fairforget.methods.prompt import apply_prompt
from fairforget.methods.self_debias import (
    DEFAULT_DOMAINS,
    SelfDebiasLogitsProcessor,
    apply_self_debias,
    debiased_log_probs,
    list_descriptions,
)
from fairforget.models.fingerprint import describe_model, model_identity
from fairforget.models.language_model import LanguageModel
from fairforget.models.wrapping import wrap_model
from fairforget.scoring.causal import token_log_probs
from fairforget.training.trainability import check_trainable

from ..models import CAUSAL, SENTENCES, WHOLE, tiny_model, word_tokenizer
from . import naive

FAMILIES = [*CAUSAL, *WHOLE]
PROMPT = "All are alike.\n"
DESCRIPTIONS = ["People lie:\n", "They are late and bad:\n"]


def sequences(language_model: LanguageModel) -> list[list[int]]:
    """Sentences with shared prefixes, with and without the start token."""
    texts = [
        "Women are late.",
        "Women are kind.",
        "Women are kind, and some are not.",
        "The river has an old mill.",
        *SENTENCES,
    ]
    encoded = language_model.tokenizer(texts, add_special_tokens=False)["input_ids"]
    start = language_model.start_id
    return [*([start, *ids] for ids in encoded), *encoded, [start, start, 5], [7, start, 5]]


@pytest.mark.parametrize("family", FAMILIES)
def test_prompt_scores_as_a_plain_computation(family: str) -> None:
    original = tiny_model(family)
    prompted = apply_prompt(original, PROMPT)
    texts = sequences(original)
    found = token_log_probs(prompted.model, texts, batch_tokens=200)
    plain = token_log_probs(original.model, texts)
    for ids, values, before in zip(texts, found, plain, strict=True):
        expected = naive.logits_after(original, PROMPT, ids).softmax(-1)
        np.testing.assert_allclose(values, naive.token_scores(expected, ids), atol=1e-4)
        assert np.abs(values - before).max() > 1e-2  # the prompt has an effect


@pytest.mark.parametrize("family", FAMILIES)
def test_self_debias_scores_as_a_plain_computation(family: str) -> None:
    original = tiny_model(family)
    debiased = apply_self_debias(original, DESCRIPTIONS)
    texts = sequences(original)
    found = token_log_probs(debiased.model, texts, batch_tokens=200)
    for ids, values in zip(texts, found, strict=True):
        expected = naive.self_debias(original, DESCRIPTIONS, ids)
        np.testing.assert_allclose(values, naive.token_scores(expected, ids), atol=1e-4)


def test_scoring_is_fast_where_it_is_for_the_original() -> None:
    original = tiny_model("llama")
    assert supports_tree_attention(apply_prompt(original, PROMPT).model, 20)
    assert supports_tree_attention(apply_self_debias(original, DESCRIPTIONS).model, 20)
    assert linear_head(apply_prompt(original, PROMPT).model) is not None
    assert linear_head(apply_self_debias(original, DESCRIPTIONS).model) is None


def test_padding_on_either_side_changes_nothing() -> None:
    original = tiny_model("opt")
    model = apply_prompt(original, PROMPT).model
    texts = sequences(original)[:3]
    for side in ("left", "right"):
        inputs = pad(texts, side=side)
        logits = model.forward(**inputs).logits
        for ids, row, mask in zip(texts, logits, inputs["attention_mask"], strict=True):
            torch.testing.assert_close(
                row[mask.bool()], naive.logits_after(original, PROMPT, ids), rtol=0, atol=1e-4
            )


def test_distribution_by_hand() -> None:
    plain = torch.tensor([[0.5, 0.3, 0.2]])
    biased = [torch.tensor([[0.52, 0.18, 0.3]]), torch.tensor([[0.4, 0.35, 0.25]])]
    found = debiased_log_probs([p.log() for p in (plain, *biased)]).exp()
    # Δ = −0.02, −0.05, −0.1; α = e⁻¹, e^−2.5, max(e⁻⁵, 0.01) = 0.01
    kept = torch.tensor([0.5 * 0.367879, 0.3 * 0.082085, 0.2 * 0.01])
    torch.testing.assert_close(found[0], kept / kept.sum(), rtol=0, atol=1e-5)


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), st.integers(0, 2**16))
def test_no_token_gains_on_one_that_is_no_likelier_when_biased(
    logits: list[float], seed: int
) -> None:
    plain = torch.tensor([logits])
    biased = torch.randn(1, 3, generator=torch.Generator().manual_seed(seed)) * 3
    change = debiased_log_probs([plain, biased]) - plain.log_softmax(-1)
    free = biased.softmax(-1) <= plain.softmax(-1)
    assert free.any()  # probabilities sum to one
    assert (change[free] >= -1e-5).all()
    assert (change <= change[free].max() + 1e-5).all()
    assert (change >= change[free].max() + np.log(0.01) - 1e-4).all()


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "echo"])
def test_generation_has_the_scored_distribution(family: str) -> None:
    original = tiny_model(family)
    processor = SelfDebiasLogitsProcessor(original, DESCRIPTIONS)
    texts = [*sequences(original)[:3], [original.start_id]]
    written = original.model.generate(
        **pad(texts, side="left"),
        generation_config=GenerationConfig(
            max_new_tokens=4, do_sample=False, pad_token_id=0, eos_token_id=None
        ),
        logits_processor=[processor],
        output_scores=True,
        return_dict_in_generate=True,
    )
    width = max(map(len, texts))
    for row, ids in enumerate(texts):
        full = [*ids, *written.sequences[row, width:].tolist()]
        expected = naive.self_debias(original, DESCRIPTIONS, full)
        for step, scores in enumerate(written.scores):
            torch.testing.assert_close(
                scores[row].exp(), expected[len(ids) - 1 + step], rtol=0, atol=1e-5
            )


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "echo"])
@pytest.mark.parametrize("method", ["prompt", "self-debias"])
def test_a_model_writes_what_it_scores_highest(method: str, family: str) -> None:
    original = tiny_model(family)
    if method == "prompt":
        changed, predict = (
            apply_prompt(original, PROMPT),
            partial(naive.logits_after, original, PROMPT),
        )
    else:
        changed = apply_self_debias(original, DESCRIPTIONS)
        predict = partial(naive.self_debias, original, DESCRIPTIONS)
    prompts = ["Women are", "The river has an old mill, and"]
    written = generate(changed, prompts, Decoding(tokens=5))
    for ids, (continuation,) in zip(encode_prompts(changed, prompts), written, strict=True):
        for _ in range(5):
            ids.append(int(predict(ids)[-1].argmax()))
        expected = changed.tokenizer.decode(ids[-5:], skip_special_tokens=True)
        assert (continuation.text, continuation.tokens) == (expected, 5)


def test_text_without_start_token_is_generated_as_it_is_scored() -> None:
    original = tiny_model("llama")
    ids = sequences(original)[len(SENTENCES) + 4]
    assert ids[0] != original.start_id
    logits = naive.logits_after(original, None, ids)[-1:]
    for pad_id in (None, 399):
        processor = SelfDebiasLogitsProcessor(original, DESCRIPTIONS, pad_id=pad_id)
        found = processor(torch.tensor([ids]), logits)
        expected = naive.self_debias(original, DESCRIPTIONS, ids)[-1:]
        torch.testing.assert_close(found.exp(), expected, rtol=0, atol=1e-5)


def test_models_are_told_apart() -> None:
    original = tiny_model("gpt2")
    before = describe_model(original)
    variants = [
        apply_prompt(original, PROMPT),
        apply_prompt(original, PROMPT + "\n"),
        apply_self_debias(original, DESCRIPTIONS),
        apply_self_debias(original, DESCRIPTIONS, decay=10),
        apply_self_debias(original, DESCRIPTIONS[:1]),
    ]
    facts = [describe_model(variant) for variant in variants]
    assert len({before.weights, *(fact.weights for fact in facts)}) == 1 + len(variants)
    assert describe_model(apply_prompt(original, PROMPT)) == facts[0]
    assert {fact.parameters for fact in facts} == {before.parameters}
    assert {fact.dtype for fact in facts} == {before.dtype}
    assert describe_model(original) == before  # the original is as it was
    assert model_identity(variants[0])["configuration"] != model_identity(original)["configuration"]


def test_text_may_be_as_long_as_the_prefix_leaves_room() -> None:
    original = tiny_model("gpt2")
    prompted = apply_prompt(original, PROMPT)
    prefix = 1 + len(original.tokenizer(PROMPT, add_special_tokens=False)["input_ids"])
    assert prompted.longest_input == original.longest_input - prefix
    (scores,) = token_log_probs(prompted.model, [[5] * (prompted.longest_input + 1)])
    assert np.isfinite(scores).all()


def test_methods_give_models_that_evaluate_takes(tmp_path: Path) -> None:
    original = tiny_model("llama")
    items = tmp_path / "harmless.jsonl"
    items.write_text('{"text": "The river has a bridge.", "label": "harmless"}\n')
    benchmark = f"perplexity:{items}"
    before = evaluate(original, [benchmark])[benchmark]
    for name in ("prompt", "self-debias"):
        method = METHODS[name]
        assert (method.name, method.change, method.is_seeded) == (name, "inference", False)
        model = method.apply(original, MethodOptions())
        after = evaluate(model, [benchmark], output_dir=tmp_path / name)[benchmark]
        assert after.value != before.value


def test_descriptions() -> None:
    assert len(list_descriptions()) == len(DEFAULT_DOMAINS) == 4
    assert list_descriptions("gender") == [
        "The following text discriminates against people because of their gender:\n"
    ]


def test_a_long_prompt_leaves_less_local_attention() -> None:
    """A packed row would be longer than it, with nodes that lose sight of the prompt."""
    config = hf.GPTNeoConfig(
        vocab_size=len(word_tokenizer()),
        hidden_size=32,
        num_layers=2,
        attention_types=[[["local"], 2]],
        num_heads=2,
        window_size=200,
        max_position_embeddings=512,
    )
    original = wrap_model(hf.GPTNeoForCausalLM(config).eval(), word_tokenizer())
    with torch.no_grad():  # differences in attention should show
        for weight in original.model.parameters():
            weight.mul_(10)
    prompt = " ".join(["All are alike."] * 30)
    texts = sequences(original)[:40]
    prompted = apply_prompt(original, prompt).model
    assert supports_tree_attention(original.model, 20)
    assert not supports_tree_attention(prompted, 20)
    for ids, values in zip(texts, token_log_probs(prompted, texts), strict=True):
        expected = naive.logits_after(original, prompt, ids).softmax(-1)
        np.testing.assert_allclose(values, naive.token_scores(expected, ids), atol=1e-3)


@pytest.mark.parametrize("method", ["prompt", "self-debias"])
def test_a_model_that_decodes_otherwise_is_neither_trained_nor_erased(method: str) -> None:
    changed = METHODS[method].apply(tiny_model("llama"), MethodOptions())
    with pytest.raises(InputError, match=f"training needs .* {method} changes the decoding"):
        check_trainable(changed)
    with pytest.raises(InputError, match=f"erasure needs .* {method} changes the decoding"):
        METHODS["leace"].apply(changed, MethodOptions(domain="gender"))


def test_errors(tmp_path: Path) -> None:
    original = tiny_model("llama")
    with pytest.raises(InputError, match="no domain 'height'"):
        METHODS["self-debias"].apply(original, MethodOptions(domain="height"))
    with pytest.raises(InputError, match="no descriptions"):
        apply_self_debias(original, [])
    with pytest.raises(InputError, match="no descriptions"):
        SelfDebiasLogitsProcessor(original, [])
    for one in (apply_self_debias, SelfDebiasLogitsProcessor):
        with pytest.raises(InputError, match="descriptions is 'It is bad:'; give a list of texts"):
            one(original, "It is bad:")
        for decay in (-1.0, float("nan")):
            with pytest.raises(InputError, match="it must be a number of at least 0"):
                one(original, DESCRIPTIONS, decay=decay)
    for text in ("", None):
        with pytest.raises(InputError, match="give a text"):
            apply_prompt(original, text)
    with pytest.raises(InputError, match="accepts only 256"):
        apply_prompt(original, "All are alike. " * 60)
    with pytest.raises(InputError, match="needs a causal model"):
        METHODS["prompt"].apply(tiny_model("bert"), MethodOptions())
    with pytest.raises(InputError, match="changes no weights"):
        apply_prompt(original, PROMPT).model.save_pretrained(tmp_path)
