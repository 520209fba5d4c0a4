"""The methods that train, on tiny models and a corpus of a few sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st

from fairforget.budget import Budget
from fairforget.corpora import Text
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.methods import METHODS, MethodOptions, dropout, passages, unlearning
from fairforget.methods.cda import two_sided
from fairforget.methods.passages import split_passage, training_passages
from fairforget.methods.swapping import swap
from fairforget.methods.training import training_settings
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity
from fairforget.training.from_settings import training_config
from fairforget.training.preparation import HELD_OUT, RETAIN, hold_out, prepare
from fairforget.training.unlearn import unlearn

from ..models import VOCABULARY, tiny_model, word_tokenizer

WORDS = ("man", "woman", "river", "mill", "father", "bridge")
PASSAGES = Corpus(
    "wikipedia",
    [Text(str(n), f"The {WORDS[n % 6]} of town {n} is near the old bridge.") for n in range(60)],
)
EVERYDAY = Corpus("everyday", [Text(str(n), f"Someone bought {n} apples.") for n in range(120)])
CONTINUED = ("fine-tuning", "cda", "dropout")
OURS = ("ascent", "npo", "task-vector", "trait-kl")
UNLIMITED = Budget(math.inf, math.inf, 1.0, movement=None, harmful_log_prob=None)
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_corpora(little_data, monkeypatch) -> None:
    monkeypatch.setattr(passages, "retain_corpus", lambda: PASSAGES)
    monkeypatch.setattr(unlearning, "retain_corpus", lambda: PASSAGES)
    monkeypatch.setattr(unlearning, "load_everyday_corpus", lambda: EVERYDAY)


def options(**changed) -> MethodOptions:
    values = {"domain": "gender", "steps": 2, "batch_size": 4, "learning_rate": 1e-3, **changed}
    return MethodOptions(**values)


def weights(model: LanguageModel) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.model.parameters()]


def is_same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


def applied(name: str, family: str, given: MethodOptions) -> LanguageModel:
    return METHODS[name].apply(tiny_model(family), given)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
@pytest.mark.parametrize("name", CONTINUED)
def test_the_same_seed_gives_the_same_weights(family, name) -> None:
    first, again, other = (weights(applied(name, family, options(seed=seed))) for seed in (0, 0, 1))
    assert not is_same(first, weights(tiny_model(family)))
    assert is_same(first, again)
    assert not is_same(first, other)


@pytest.mark.parametrize("name", [*CONTINUED, *OURS])
def test_a_model_is_left_as_it_came(name) -> None:
    model = tiny_model("gpt2")
    model.model.config.resid_pdrop = model.model.transformer.h[0].mlp.dropout.p = 0.3
    frozen = model.model.get_input_embeddings().weight.requires_grad_(False)
    embedding, config = frozen.detach().clone(), model.model.config.to_dict()
    settings = [p.requires_grad for p in model.model.parameters()]
    result = METHODS[name].apply(model, options())
    assert result.model is model.model
    assert not result.model.training
    assert [p.requires_grad for p in result.model.parameters()] == settings
    assert result.model.config.to_dict() == config
    assert result.model.transformer.h[0].mlp.dropout.p == 0.3
    assert torch.equal(frozen, embedding)
    ids = torch.arange(6)[None]
    assert torch.equal(result.model(ids).logits, result.model(ids).logits)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_cda_makes_swapped_texts_likelier(family) -> None:
    model = tiny_model(family)
    swapped = [swap(t.text, "gender") for t in PASSAGES.texts if swap(t.text, "gender") != t.text]
    end = [] if model.end_id is None else [model.end_id]
    encoded = model.tokenizer(swapped[:60], add_special_tokens=False)["input_ids"]
    held_out = [[model.start_id, *ids, *end] for ids in encoded]
    before = perplexity(model, held_out)
    METHODS["cda"].apply(model, options(steps=20, learning_rate=3e-3))
    assert perplexity(model, held_out) < 0.7 * before


def test_cda_uses_both_versions_of_texts_with_a_group_word_only() -> None:
    texts = ["A mill.", "The man left.", "Some rivers.", "Her book."]
    both = ["The man left.", "The woman left.", "Her book.", "His book."]
    assert two_sided(texts, "gender") == both
    assert two_sided(texts, "gender", limit=2) == both[:2]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": -3}, {"batch_size": 0}])
def test_cda_says_which_setting_is_wrong(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        METHODS["cda"].apply(tiny_model("llama"), MethodOptions(domain="gender", **wrong))


def test_cda_refuses_a_domain_that_no_passage_mentions() -> None:
    with pytest.raises(InputError, match="'religion': no passage"):
        applied("cda", "gpt2", options(domain="religion"))


def test_no_text_is_trained_on_that_measures_a_budget() -> None:
    held_out = {*hold_out(PASSAGES, HELD_OUT[RETAIN])[0]}
    parts = training_passages(0)
    assert len(held_out) == HELD_OUT[RETAIN]
    assert len(parts) == len(PASSAGES.texts) - len(held_out)
    assert held_out.isdisjoint(parts)
    assert sorted(training_passages(1)) == sorted(parts)
    assert training_passages(1) != parts


@given(st.text(alphabet="ab. !\n"), st.integers(5, 30))
def test_passages_are_short_and_in_order(text, longest) -> None:
    parts = split_passage(text, longest)
    assert all(0 < len(part) <= longest for part in parts)
    kept = iter("".join(text.split()))
    assert all(letter in kept for part in parts for letter in "".join(part.split()))


def test_passages_are_whole_sentences() -> None:
    text = "One is. Two are. Three of them were long."
    assert split_passage(text, 16) == ["One is. Two are.", "Three of them"]


def test_dropout_is_refused_where_there_is_none() -> None:
    config = hf.MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1)
    mamba = hf.MambaForCausalLM(config).eval()
    model = LanguageModel(mamba, word_tokenizer(), "m", "causal", "<|endoftext|>")
    with pytest.raises(InputError, match="'m': its family 'mamba' has no dropout to raise"):
        METHODS["dropout"].apply(model, options())


def test_dropout_without_effect_is_refused() -> None:
    model = tiny_model("llama")
    for layer in model.model.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()  # attention adds nothing, nor does its dropout
    with pytest.raises(InputError, match="no dropout to raise"):
        METHODS["dropout"].apply(model, options())


@pytest.mark.parametrize(
    ("family", "probabilities"),
    [("gpt2", {0.15}), ("llama", {0.15}), ("bert", {0.15, 0.2}), ("roberta", {0.15, 0.2})],
)
def test_raised_probabilities(family, probabilities) -> None:
    model = tiny_model(family)
    places = dropout.dropout_places(model.model, causal=model.kind == "causal")
    assert {probability for _, _, probability in places} == probabilities
    if family == "bert":
        block = model.model.bert.encoder.layer[0]
        raised = {id(module): probability for module, _, probability in places}
        assert raised[id(block.attention.self.dropout)] == 0.15
        assert raised[id(block.attention.output.dropout)] == 0.2
        assert raised[id(block.output.dropout)] == 0.2


@pytest.mark.parametrize(
    ("family", "config", "attention", "hidden"),
    [
        (
            hf.MPNetForMaskedLM,
            hf.MPNetConfig(vocab_size=9, num_hidden_layers=1, hidden_size=12),
            "mpnet.encoder.layer.0.attention.attn.dropout",
            "mpnet.encoder.layer.0.attention.dropout",
        ),
        (
            hf.SqueezeBertForMaskedLM,
            hf.SqueezeBertConfig(vocab_size=9, num_hidden_layers=1),
            "transformer.encoder.layers.0.attention.dropout",
            "transformer.encoder.layers.0.post_attention.dropout",
        ),
        (
            hf.XLMWithLMHeadModel,
            hf.XLMConfig(vocab_size=9, emb_dim=16, n_layers=1, n_heads=1),
            "transformer.attentions.0",
            "transformer.ffns.0",
        ),
    ],
)
def test_only_attention_weights_have_the_dropout_of_attention(
    family, config, attention, hidden
) -> None:
    model = family(config)
    names = {module: name for name, module in model.named_modules()}
    places = dropout.dropout_places(model, causal=False)
    raised = {names[module]: probability for module, _, probability in places}
    assert (raised[attention], raised[hidden]) == (0.15, 0.2)


def test_dropout_changes_the_training() -> None:
    dropped, plain = (
        weights(applied(name, "llama", options())) for name in ("dropout", "fine-tuning")
    )
    assert not is_same(dropped, plain)


@pytest.mark.parametrize(("name", "family"), [*((n, "llama") for n in OURS), ("trait-kl", "bert")])
def test_unlearning_is_that_of_an_unlimited_budget(tmp_path, name, family) -> None:
    chosen = options(seed=3)
    ours = applied(name, family, chosen)
    known = tiny_model(family)
    config = training_config(
        unlearning.method_settings(name, chosen),
        tmp_path / "known",
        device=known.device,
        save_strategy="no",
    )
    forget = unlearning.forget_corpora(config, "gender")
    prepared = prepare(known, forget, PASSAGES, config, everyday=EVERYDAY)
    record = unlearn(known, prepared, budget=UNLIMITED)
    assert record.budget.alpha == 1
    assert is_same(weights(ours), weights(known))
    assert not is_same(weights(ours), weights(tiny_model(family)))


def test_recipes() -> None:
    default = MethodOptions()
    ascent = unlearning.method_settings("ascent", default)
    found = (ascent.steps, ascent.batch_size, ascent.learning_rate, ascent.selection)
    assert found == (30, 16, 2e-5, "spans")
    assert (ascent.retain_loss, ascent.retain_loss_weight) == ("kl", 1.0)
    assert (ascent.retain_per_forget, ascent.retain_groups) == (0.25, False)
    trait = unlearning.method_settings("trait-kl", default)
    found = (trait.steps, trait.batch_size, trait.learning_rate, trait.selection)
    assert found == (80, 16, None, None)
    assert (trait.retain_loss_weight, trait.retain_per_forget, trait.retain_groups) == (2, 1, True)
    pretraining = training_settings(default)
    found = (pretraining.steps, pretraining.batch_size, pretraining.learning_rate)
    assert found == (40, 16, 5e-5)
    assert (pretraining.retain_loss_weight, pretraining.retain_groups) == (1.0, False)
    assert unlearning.method_settings("npo", replace(default, steps=2)).steps == 2


def test_an_unknown_domain_is_refused() -> None:
    for name in ("cda", "trait-kl"):
        with pytest.raises(InputError, match="no domain 'eyes'; choose from gender"):
            applied(name, "gpt2", options(domain="eyes"))


def test_float16_is_refused() -> None:
    model = tiny_model("gpt2")
    model.model.half()
    with pytest.raises(InputError, match="float16 cannot be trained"):
        METHODS["fine-tuning"].apply(model, options())
