"""What erasures share: their sentences, the states that they are fitted on, the folded head."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from fairforget.corpora import Text
from fairforget.corpora.builtin.lexicon import DOMAINS, group_terms
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.methods import METHODS, erasure, group_sentences, inlp, passages
from fairforget.methods.erasure import erase, fold, mean_states, untie_head
from fairforget.methods.group_sentences import MAX_WORDS, counterfactual_sets, short_sentences
from fairforget.methods.method import MethodOptions
from fairforget.models.saving import save_model
from fairforget.training.preparation import HELD_OUT, RETAIN, hold_out
from fairforget.training.weights import WeightLine

from ..models import CAUSAL, MASKED, SENTENCES, tiny_model

FAMILIES = [*CAUSAL, *MASKED]
IDS = torch.tensor([[5, 9, 300, 41, 7, 7, 120]])
CORPUS = (
    "A woman and her dog met a man.",  # two groups
    "Women are often early.",
    "The mother said that she was in the garden.",
    "There is a bachelor in her house.",  # an ambiguous pronoun
    "It rained.",
    "The European Union is large.",
    "An African has seen it.",
    "This Women is a title.",
    "A father gave it to an uncle in the sportsmen-only club.",
)


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "training_texts", lambda: CORPUS)
    monkeypatch.setattr(group_sentences, "MAX_SENTENCES", 200)


def random_projection(size: int) -> torch.Tensor:
    torch.manual_seed(1)
    directions = torch.linalg.qr(torch.randn(size, 3, dtype=torch.float64)).Q
    return torch.eye(size, dtype=torch.float64) - directions @ directions.T


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_folded_head_gives_the_logits_of_erased_states(family: str) -> None:
    language_model = tiny_model(family)
    model = language_model.model
    head = copy.deepcopy(model.get_output_embeddings())
    projection = random_projection(head.in_features)
    expected = copy.deepcopy(model)
    expected.get_output_embeddings().register_forward_pre_hook(
        lambda _, args: (args[0] @ projection.to(args[0].dtype).T,)
    )
    before = logits(model)
    fold(language_model, projection)
    assert torch.allclose(logits(model), logits(expected), atol=1e-4)
    assert not torch.allclose(logits(model), before, atol=1e-2)


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "bert"])
def test_erasure_of_an_untied_model_can_be_interpolated(family: str) -> None:
    language_model = tiny_model(family)
    model = language_model.model
    before = logits(model)
    untie_head(language_model)
    assert torch.equal(logits(model), before)
    original = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    fold(language_model, random_projection(32))
    line = WeightLine(model, original)
    line.move_to(0)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_model_loads_with_the_same_logits(family: str, tmp_path: Path) -> None:
    language_model = tiny_model(family)
    model = language_model.model
    embeddings = model.get_input_embeddings().weight.detach().clone()
    fold(language_model, random_projection(model.get_output_embeddings().in_features))
    model.tie_weights()  # as libraries call it at will
    folded = logits(model)
    save_model(language_model, tmp_path / "model")
    loader = AutoModelForMaskedLM if family in MASKED else AutoModelForCausalLM
    loaded, info = loader.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert torch.equal(logits(loaded.eval()), folded)
    assert torch.equal(loaded.get_input_embeddings().weight, embeddings)


@pytest.mark.parametrize("family", ["gpt2", "opt", "qwen2", "bert", "roberta"])
def test_mean_states_are_those_that_the_logits_imply(family: str) -> None:
    language_model = tiny_model(family)
    model, tokenizer = language_model.model, language_model.tokenizer
    head = model.get_output_embeddings()
    inverse = torch.linalg.pinv(head.weight.detach().double())
    bias = 0 if head.bias is None else head.bias.detach()
    states = mean_states(language_model, SENTENCES)
    for sentence, state in zip(SENTENCES, states, strict=True):
        ids = [language_model.start_id, *tokenizer(sentence, add_special_tokens=False)["input_ids"]]
        inner = slice(1, len(ids))
        ids += [language_model.end_id] if family in MASKED else []
        with torch.no_grad():
            found = model(input_ids=torch.tensor([ids])).logits[0, inner]
        implied = (found - bias).double() @ inverse.T
        assert torch.allclose(state, implied.mean(0), atol=1e-4)


def test_mode_is_restored_and_hook_removed() -> None:
    language_model = tiny_model("gpt2")
    language_model.model.train()
    mean_states(language_model, SENTENCES)
    assert language_model.model.training
    assert not language_model.model.get_output_embeddings()._forward_pre_hooks


@pytest.mark.parametrize("method", ["leace", "inlp", "sentence-debias"])
def test_damaged_weights_are_refused(method: str) -> None:
    damaged = tiny_model("llama")
    damaged.model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(InputError, match="'llama' has hidden states that are not finite"):
        METHODS[method].apply(damaged, MethodOptions(domain="gender"))


def test_head_that_is_not_linear_is_refused() -> None:
    language_model = tiny_model("llama")
    language_model.model.lm_head = torch.nn.Sequential(torch.nn.Linear(32, 400))
    with pytest.raises(InputError, match=r"'llama'.*Sequential.*linear head"):
        erase(language_model, MethodOptions(), lambda states: states[0])


def test_erasures_are_not_fitted_on_texts_that_measure_a_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    language_model = tiny_model("gpt2")
    texts = [Text(str(i), f"In {1000 + i} a woman was born.") for i in range(200)]
    wikipedia = Corpus("wikipedia", texts)
    monkeypatch.setattr(passages, "retain_corpus", lambda: wikipedia)
    seen: list[str] = []

    def record(sentences: Any, domain: str, *, seed: int) -> list[tuple[str, str]]:
        seen.extend(sentences)
        return [("A woman.", "A man.")]

    monkeypatch.setattr(erasure, "counterfactual_sets", record)
    options = MethodOptions(domain="gender")
    erase(language_model, options, lambda states: torch.eye(32, dtype=torch.float64))
    held_out = {*hold_out(wikipedia, HELD_OUT[RETAIN])[0]}
    assert {*seen} == {text.text for text in texts} - held_out
    assert len({*seen}) == 120


@pytest.mark.usefixtures("corpus")
def test_terms_of_a_sentence_are_swapped() -> None:
    sets = {tuple(sorted(s)) for s in counterfactual_sets(CORPUS, "gender")}
    assert ("Men are often early.", "Women are often early.") in sets
    assert (
        "The father said that he was in the garden.",
        "The mother said that she was in the garden.",
    ) in sets
    assert (
        "A father gave it to an uncle in the sportsmen-only club.",
        "A mother gave it to an aunt in the sportsmen-only club.",
    ) in sets
    words = " ".join(" ".join(s) for s in sets)
    assert " her " not in words
    assert "This Women" not in words
    assert "rained" not in words


@pytest.mark.usefixtures("corpus")
def test_articles_follow_the_term_and_modifiers_are_left_out() -> None:
    sets = counterfactual_sets(CORPUS, "race")
    assert any({"An African has seen it.", "A Caucasian has seen it."} & {*s} for s in sets)
    assert any({"An African has seen it.", "A Slav has seen it."} & {*s} for s in sets)
    assert not any("Union" in sentence for s in sets for sentence in s)


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("domain", DOMAINS)
def test_sets_name_each_group_once_in_the_same_place(domain: str) -> None:
    sets = counterfactual_sets(CORPUS, domain)
    size = len(sets[0])
    assert 2 <= size <= group_sentences.MAX_GROUPS
    assert 0 < len(sets) * size <= 200
    assert {len(s) for s in sets} == {size}
    groups_at: list[set[str]] = []
    for place in range(size):
        named = [{t.group for t in group_terms(domain) if _names(t, s[place])} for s in sets]
        groups_at.append(set.intersection(*filter(None, named)))
    assert all(groups_at)
    assert sets == counterfactual_sets(CORPUS, domain)
    assert sets != counterfactual_sets(CORPUS, domain, seed=1)


@pytest.mark.usefixtures("corpus")
def test_gender_terms_without_a_counterpart_are_left_out() -> None:
    sets = counterfactual_sets(["An actress met a bachelor.", "The brides left."], "gender")
    assert {"The brides left.", "The grooms left."} in [{*s} for s in sets]
    unpaired = ("actress", "waitress", "salesm", "bachelor")
    assert not any(word in sentence for s in sets for sentence in s for word in unpaired)


@pytest.mark.usefixtures("corpus")
def test_a_modifier_at_the_start_of_a_sentence_is_left_out() -> None:
    sentences = ["German law is the law of the land.", "A German is here."]
    sets = counterfactual_sets(sentences, "nationality")
    found = {sentence for s in sets for sentence in s} & {*sentences}
    assert found == {"A German is here."}


@pytest.mark.usefixtures("corpus")
def test_a_diabetic_coma_is_about_no_group() -> None:
    sentences = ["Diabetic coma is rare.", "He met a diabetic ranger.", "A diabetic is here."]
    sets = counterfactual_sets(sentences, "disability")
    assert {sentence for s in sets for sentence in s} & {*sentences} == {"A diabetic is here."}


@pytest.mark.usefixtures("corpus")
def test_languages_and_names_are_left_out() -> None:
    sentences = [
        "The word is from Greek: it means fish.",
        "Co-captains Finn and Rachel are here.",
        "Norwegian is a publicly traded company.",
        "He met a Greek.",
        "Finns like it.",
    ]
    sets = counterfactual_sets(sentences, "nationality")
    assert {sentence for s in sets for sentence in s} & {*sentences} == {*sentences[3:]}


def _names(term: Any, sentence: str) -> bool:
    forms = (term.plural, term.singular, term.singular.partition(" ")[2])
    return any(form.lower() in sentence.lower() for form in forms)


@pytest.mark.usefixtures("corpus")
def test_domains_are_erased_one_after_the_other() -> None:
    language_model = tiny_model("llama")
    head = language_model.model.lm_head.weight.detach().double()
    seen = []

    def fit(states: torch.Tensor) -> torch.Tensor:
        seen.append(states)
        matrix = torch.eye(32, dtype=torch.float64)
        matrix[len(seen) - 1, len(seen) - 1] = 0
        return matrix

    erase(language_model, MethodOptions(), fit)
    assert len(seen) == len(DOMAINS)
    for number, states in enumerate(seen):
        assert states.shape[2] == 32
        assert not states[..., :number].any()
        assert states[..., number:].any()
    head[:, : len(DOMAINS)] = 0
    assert torch.allclose(language_model.model.lm_head.weight.double(), head, atol=1e-6)


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("name", ["inlp", "sentence-debias", "leace"])
@pytest.mark.parametrize("domain", ["gender", None])
def test_methods_change_the_head_alone(
    name: str, domain: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inlp, "is_at_chance", lambda *_: False)  # random weights know no groups
    if name == "leace":
        pytest.importorskip("concept_erasure")
    language_model = tiny_model("gpt2")
    before = copy.deepcopy(language_model.model).state_dict()
    METHODS[name].apply(language_model, MethodOptions(domain=domain))
    after = language_model.model.state_dict()
    changed = [key for key in before if not torch.equal(before[key], after[key])]
    assert changed == ["lm_head.weight"]
    assert after["lm_head.weight"].isfinite().all()


def test_unknown_domain() -> None:
    with pytest.raises(InputError, match="no domain 'weather'; choose from gender"):
        METHODS["sentence-debias"].apply(tiny_model("gpt2"), MethodOptions(domain="weather"))
    with pytest.raises(InputError, match="domain 'control' names no groups"):
        MethodOptions(domain="control")


@given(st.lists(st.text(alphabet="aB. !"), max_size=4))
def test_short_sentences_are_parts_of_their_texts(texts: Sequence[str]) -> None:
    for sentence in short_sentences(texts):
        assert len(sentence.split()) <= MAX_WORDS
        assert any(sentence in text for text in texts)
