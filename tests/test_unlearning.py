"""Unlearning from corpora to record, on tiny models of both kinds."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers as hf
from peft import PeftModel

from fairforget.budget import Budget
from fairforget.corpora import Span, Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.builtin.pronouns import pronoun_texts
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.objectives import as_objective
from fairforget.records.records import (
    COUNTERFACTUAL_TEXTS,
    FACT_TEXTS,
    LIMITED_BY_GUARD,
    UnlearningRecord,
    UtilityFacts,
)
from fairforget.records.store import read_record, write_record
from fairforget.report.terminal import show_unlearning
from fairforget.scoring.perplexity import perplexity
from fairforget.training import checkpoints, early_stopping, limits
from fairforget.training import unlearn as unlearning
from fairforget.training.adapters import apply_adapter, reference_for
from fairforget.training.added_texts import encode_facts, list_facts
from fairforget.training.budget_search import PerplexityConstraint
from fairforget.training.checkpoints import TRAINED
from fairforget.training.config import UnlearningConfig
from fairforget.training.early_stopping import WITH_MINIMUM
from fairforget.training.interpolation import interpolate_to_budget
from fairforget.training.original import Original
from fairforget.training.preparation import (
    HELD_OUT,
    HELD_OUT_TOKENS,
    OTHER_GROUPS,
    RETAIN_TOKENS,
    prepare,
)
from fairforget.training.progress import TrainingProgress
from fairforget.training.unlearn import unlearn as unlearn_prepared

from .little_data import with_little_data
from .models import copy_weights, save_tiny, tiny_causal, word_tokenizer
from .run_unlearning import config, unlearn
from .test_trainer import PAIRS

FORGET = Corpus("builtin:gender", builtin_texts("gender", limit=40), "gender")
RETAIN = Corpus(
    "rivers", [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
)
EVERYDAY = Corpus(
    "everyday", [Text(str(n), f"Someone bought {n} apples at the market.") for n in range(420)]
)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("little_data")]

UNBOUND = {"movement": None, "harmful_log_prob": None}
"""Options of a budget of perplexities alone: of random weights, a guard may reject every step."""
KINDS = ("llama", "bert", "roberta")
"""A causal family, and two masked ones with different tokenizers."""


def language_model(tmp_path: Path, family: str) -> LanguageModel:
    return load_model(save_tiny(family, tmp_path / family))


def assert_same_weights(one: LanguageModel, other: LanguageModel) -> None:
    """To the last bit."""
    mine, theirs = copy_weights(one.model), copy_weights(other.model)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(("family", "objective"), [p for p in PAIRS if p[0] in KINDS])
def test_every_objective_on_both_kinds_of_model(tmp_path, family, objective) -> None:
    model = language_model(tmp_path, family)
    before = copy_weights(model.model)
    options = config(tmp_path, objective=objective)
    allowed = Budget(1.5, 1.5, **UNBOUND)
    record = unlearn(model, FORGET, RETAIN, options, everyday=EVERYDAY, budget=allowed)
    assert record.budget.alpha > 0
    assert record.budget.reached <= 1.5
    assert record.budget.others["everyday_perplexity"].reached <= 1.5
    assert "without everyday sentences" not in record.budget.note
    assert record.method["objective"] == objective
    assert {c.role for c in record.corpora} == {"forget", "retain", "held-out"}
    assert any("forget" in row for row in record.history)
    assert any(not torch.equal(p, before[n]) for n, p in model.model.named_parameters())


@pytest.mark.parametrize("family", ["gpt2", "llama", "mixtral", "bert"])
def test_lora_leaves_a_plain_model_with_the_merged_change(tmp_path, family) -> None:
    model = language_model(tmp_path, family)
    before = copy_weights(model.model)
    allowed = Budget(perplexity=1.5, harmful_log_prob=None)
    record = unlearn(model, FORGET, RETAIN, config(tmp_path, lora_rank=4), budget=allowed)
    after = copy_weights(model.model)
    assert after.keys() == before.keys()
    changed = {n for n in after if not torch.equal(after[n], before[n])}
    assert changed
    assert not any("embed" in n or "norm" in n.lower() for n in changed)
    assert record.method["lora"] == {"rank": 4, "alpha": 32}
    again = load_model(save_model(model, tmp_path / "saved"))
    assert all(torch.equal(p, after[n]) for n, p in again.model.named_parameters())


def test_a_wrong_objective_is_refused_in_preparation(tmp_path) -> None:
    def mean(log_probs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return log_probs.gather(-1, targets[:, None]).mean()

    settings = config(tmp_path, objective=as_objective(mean))
    with pytest.raises(InputError, match="return one loss per target token"):
        prepare(language_model(tmp_path, "gpt2"), FORGET, RETAIN, settings)


@pytest.mark.parametrize("family", ["gpt2", "llama", "mixtral", "bert"])
def test_the_adapter_is_saved_for_peft(tmp_path, family) -> None:
    """On its base model it gives the merged model, within the budget's α."""
    model = language_model(tmp_path, family)
    save_model(model, tmp_path / "base")
    model = replace(model, source=str(tmp_path / "base"))
    adapter = tmp_path / "adapter"
    settings = config(tmp_path, lora_rank=4)
    tight = Budget(perplexity=1.02, everyday_perplexity=1.02, harmful_log_prob=None)
    record = unlearn(model, FORGET, RETAIN, settings, budget=tight, adapter=adapter)
    assert record.budget.alpha not in (0, 1)
    auto = hf.AutoModelForCausalLM if model.kind == "causal" else hf.AutoModelForMaskedLM
    base = auto.from_pretrained(tmp_path / "base", dtype=torch.float32)
    ids = torch.tensor([[0, 5, 9, 13, 17]])
    with torch.no_grad():
        original = base(input_ids=ids).logits
        merged = model.model(input_ids=ids).logits
        adapted = PeftModel.from_pretrained(base, str(adapter))(input_ids=ids).logits
        ours = load_model(adapter, device="cpu").model(input_ids=ids).logits
    assert torch.allclose(adapted, merged, atol=1e-5)
    assert torch.allclose(ours, merged, atol=1e-5)
    assert not torch.allclose(original, merged, atol=1e-3)


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_an_error_restores_the_original_model(tmp_path, lora_rank, monkeypatch) -> None:
    """It would otherwise be trained further when the user tries again with the same object, and
    generate text with dropout."""
    model = language_model(tmp_path, "llama")
    before = copy_weights(model.model)

    def fail(*_: object, **__: object) -> None:
        after = copy_weights(model.model)
        assert any(not torch.equal(after[n], before.get(n, after[n] * 0)) for n in after)
        model.model.train()  # as during training
        raise KeyboardInterrupt

    monkeypatch.setattr(unlearning, "_interpolate", fail)
    with pytest.raises(KeyboardInterrupt):
        unlearn(model, FORGET, RETAIN, config(tmp_path, lora_rank=lora_rank))
    after = copy_weights(model.model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[n], before[n]) for n in after)
    assert not any(module.training for module in model.model.modules())


def test_a_model_that_takes_no_adapter_is_refused_before_it_is_evaluated(tmp_path) -> None:
    shape = hf.MambaConfig(vocab_size=400, hidden_size=16, num_hidden_layers=1, state_size=4)
    model = LanguageModel(
        hf.MambaForCausalLM(shape), word_tokenizer(), "tiny-mamba", "causal", "<|endoftext|>"
    )
    assert model.model.config.model_type == "mamba"
    with pytest.raises(InputError, match=r"LoRA does not support model 'tiny-mamba' .*lora_rank 0"):
        prepare(model, FORGET, RETAIN, config(tmp_path, lora_rank=4))
    assert prepare(model, FORGET, RETAIN, config(tmp_path)).targets


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_a_model_is_configured_as_it_came(tmp_path, lora_rank) -> None:
    """It keeps its cache, its special tokens and what was frozen."""
    model = language_model(tmp_path, "llama")
    owners = [model.model.config, model.model.generation_config]
    model.model.generation_config.eos_token_id = 5  # not the tokenizer's
    embedding = model.model.get_input_embeddings().weight.requires_grad_(False)
    before = [owner.to_dict() for owner in owners]
    options = {"lora_rank": lora_rank, "gradient_checkpointing": True}
    unlearn(model, FORGET, RETAIN, config(tmp_path, **options))
    assert [owner.to_dict() for owner in owners] == before
    assert model.model.config.use_cache
    still = [p for p in model.model.parameters() if not p.requires_grad]
    assert len(still) == 1
    assert still[0] is embedding
    assert not any(getattr(m, "gradient_checkpointing", False) for m in model.model.modules())


def test_of_an_adapter_in_bfloat16_the_merged_model_is_measured(tmp_path) -> None:
    model = language_model(tmp_path, "llama")
    model.model.to(torch.bfloat16)
    options = {"lora_rank": 4, "learning_rate": 0.03, "objective": "ascent"}
    prepared = prepare(model, FORGET, RETAIN, config(tmp_path, **options))
    allowed = Budget(perplexity=1.2, max_alpha=1, **UNBOUND)
    known = Original()
    record = unlearn_prepared(model, prepared, budget=allowed, known=known)
    measured = perplexity(model, prepared.held_out["retain"])
    assert record.budget.reached == measured / record.budget.before
    assert record.budget.alpha > 0
    assert ("exceeded the budget" in record.budget.note) == (record.budget.reached > 1.2)
    assert known.states
    assert record.budget.movement == known.states.divergence(model.model)


def test_an_adapter_is_trained_in_float32(tmp_path) -> None:
    model = language_model(tmp_path, "llama").model.to(torch.bfloat16)
    with apply_adapter(model, config(tmp_path, lora_rank=4)):
        trained = {p.dtype for p in model.parameters() if p.requires_grad}
        assert trained == {torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_lora_scaled_to_nothing_is_the_original(tmp_path) -> None:
    model = language_model(tmp_path, "llama").model
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with apply_adapter(model, config(tmp_path, lora_rank=4)) as original:
        with torch.no_grad():
            for name, p in model.named_parameters():
                if name in original:
                    p.add_(1.0)
        values = iter([1.0] + [2.0] * 50)
        facts, _ = interpolate_to_budget(
            model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.0)}
        )
    assert facts.alpha == 0
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_retain_texts_are_cut_shorter_than_those_that_measure(tmp_path) -> None:
    long = [Text(str(n), f"It rained on day {n}, " + "again and again " * 60) for n in range(200)]
    run = config(tmp_path, retain_groups=False)
    prepared = prepare(language_model(tmp_path, "llama"), FORGET, Corpus("rain", long), run)
    assert {len(ids) for ids in prepared.retain} == {RETAIN_TOKENS}
    assert {len(ids) for ids in prepared.held_out["retain"]} == {HELD_OUT_TOKENS}


def test_texts_about_groups_are_retained_too(tmp_path) -> None:
    model = language_model(tmp_path, "llama")

    def retained(**options) -> dict[str, int]:
        prepared = prepare(model, FORGET, RETAIN, config(tmp_path, **options))
        return {c.name: c.texts for c in prepared.facts if c.role == "retain"}

    only = {RETAIN.name: len(RETAIN.texts) - HELD_OUT["retain"]}
    facts = only | {FACT_TEXTS: len(list_facts())}
    assert retained(retain_groups=False) == retained(retain_loss="none") == only
    assert retained(retain_loss="nll") == only
    assert retained(objective="ascent") == retained(counterfactual="groups") == facts
    neutral = retained().pop(COUNTERFACTUAL_TEXTS)
    assert retained() == facts | {COUNTERFACTUAL_TEXTS: neutral}
    assert 0 < neutral <= len(FORGET.texts)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_retained_counterfactual_texts_have_the_tokens_of_the_targets(tmp_path, family) -> None:
    """By these the trainer knows them."""
    model = language_model(tmp_path, family)
    for counterfactual in ("neutral", "groups"):
        prepared = prepare(model, FORGET, RETAIN, config(tmp_path, counterfactual=counterfactual))
        compared = {tuple(ids) for text in prepared.targets for ids, _ in text.counterfactuals}
        assert compared.isdisjoint(map(tuple, prepared.retain)) == (counterfactual == "groups")


def test_half_of_the_retain_texts_are_facts(tmp_path) -> None:
    model = language_model(tmp_path, "llama")
    facts = {*encode_facts(model)}
    retain = [tuple(ids) for ids in prepare(model, FORGET, RETAIN, config(tmp_path)).retain]
    assert {*retain} >= facts
    assert 2 * sum(ids in facts for ids in retain) == len(retain)


@pytest.mark.parametrize(("options", "share"), [({}, 4), ({"retain_groups": False}, 2)])
def test_the_share_of_everyday_sentences(tmp_path, options, share) -> None:
    """Half of what are not facts; and half of all without added texts."""
    model = language_model(tmp_path, "llama")
    run = config(tmp_path, **options)
    retain = prepare(model, FORGET, RETAIN, run, everyday=EVERYDAY).retain
    starts = model.tokenizer("Someone bought", add_special_tokens=False)["input_ids"]
    everyday = sum(ids[1 : len(starts) + 1] == starts for ids in retain)
    assert share * everyday == len(retain)


def test_the_fingerprint_of_the_data_depends_on_the_answers(tmp_path) -> None:
    prepared = prepare(language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path))
    assert {*prepared.answers} <= {*map(tuple, prepared.retain)}
    shifted = {ids: mask[::-1] for ids, mask in prepared.answers.items()}
    assert replace(prepared, answers=shifted).fingerprint() != prepared.fingerprint()


def test_a_masked_model_retains_no_facts(tmp_path) -> None:
    prepared = prepare(language_model(tmp_path, "bert"), FORGET, RETAIN, config(tmp_path))
    names = {corpus.name for corpus in prepared.facts if corpus.role == "retain"}
    assert names == {RETAIN.name, COUNTERFACTUAL_TEXTS}


def test_a_held_out_fact_is_not_retained(tmp_path) -> None:
    """A user's retain corpus may contain some of the facts."""
    model = language_model(tmp_path, "llama")
    facts = list_facts()
    copies = replace(RETAIN, texts=[Text(str(n), fact.text) for n, fact in enumerate(facts)])
    prepared = prepare(model, FORGET, copies, config(tmp_path))
    held_out = {tuple(ids) for ids in prepared.held_out["retain"]}
    assert len(held_out) == HELD_OUT["retain"]
    assert not held_out & {tuple(ids) for ids in prepared.retain}
    (added,) = (corpus.texts for corpus in prepared.facts if corpus.name == FACT_TEXTS)
    assert added == len(facts) - HELD_OUT["retain"]


def test_texts_without_tokens_are_neither_held_out_nor_retained(tmp_path) -> None:
    """A tokenizer may drop all characters of a text, such as a zero-width space."""
    model = language_model(tmp_path, "bert")
    empty = [Text(f"e{n}", mark * n) for n, mark in enumerate(["", " ", "\u200b", "\ufeff\n"] * 10)]
    corpus = replace(RETAIN, texts=[*empty, *RETAIN.texts])
    run = config(tmp_path, retain_groups=False)
    prepared = prepare(model, FORGET, corpus, run)
    assert len(prepared.held_out["retain"]) == HELD_OUT["retain"]
    texts = [*prepared.held_out["retain"], *prepared.retain]
    assert len(texts) == len(RETAIN.texts)
    assert all(len(ids) > 2 for ids in texts)


def test_float16_is_not_trained(tmp_path) -> None:
    model = language_model(tmp_path, "llama")
    model.model.half()
    with pytest.raises(InputError, match="float16 cannot be trained"):
        prepare(model, FORGET, RETAIN, config(tmp_path))


def test_quantised_weights_are_not_trained(tmp_path) -> None:
    model = language_model(tmp_path, "gpt2")
    model.model.config.quantization_config = {"quant_method": "gptq", "bits": 4}
    with pytest.raises(InputError, match=r"is quantised \(gptq\); unlearn the model before"):
        unlearn(model, FORGET, RETAIN, config(tmp_path))


def test_task_vectors_go_the_other_way(tmp_path) -> None:
    """Learning the harm lowers its loss; the result must find the harm less likely."""
    model = language_model(tmp_path, "llama")
    run = config(tmp_path, objective="task-vector", max_steps=10, retain_loss="none")
    targets = prepare(model, FORGET, RETAIN, run).targets[:8]

    def harm() -> float:
        with torch.no_grad():
            return sum(
                model.model(input_ids=torch.tensor([t.ids]))
                .logits[0, :-1]
                .log_softmax(-1)
                .gather(1, torch.tensor(t.ids)[1:, None])[torch.tensor(t.mask[1:])]
                .sum()
                .item()
                for t in targets
            )

    before = harm()
    unlearn(model, FORGET, RETAIN, run, budget=Budget(3.0, **UNBOUND))
    assert harm() < before


@pytest.mark.parametrize("objective", ["task-vector", "ascent"])
def test_training_is_watched_as_its_result_will_be(objective, tmp_path, monkeypatch) -> None:
    """At the last step, early stopping measures what interpolation does at α = 1."""
    for module in ("unlearn", "limits"):
        monkeypatch.setattr(f"fairforget.training.{module}.CHECK_TEXTS", dict.fromkeys(HELD_OUT))
    model = language_model(tmp_path, "llama")
    options = {"objective": objective, "max_steps": 5, "learning_rate": 0.002}
    run = config(tmp_path, **options)
    record = unlearn(model, FORGET, RETAIN, run, budget=Budget(9.0, 9.0, 1.0, **UNBOUND))
    assert record.budget.alpha == 1
    ratios = [row["perplexity_ratio"] for row in record.history if "perplexity_ratio" in row]
    assert ratios == [record.budget.reached] == [record.budget.trained]
    assert ratios[0] != 1
    assert record.budget.movement


def test_a_run_that_stops_early_saves_nothing_unless_it_saves(tmp_path) -> None:
    for strategy, saved in (("no", []), ("steps", ["checkpoint-5"])):
        options = {"objective": "ascent", "max_steps": 10, "learning_rate": 0.1, "save_steps": 9}
        run = config(tmp_path, save_strategy=strategy, retain_loss="none", **options)
        model = language_model(tmp_path, "llama")
        prepared = prepare(model, FORGET, RETAIN, run)
        record = unlearn_prepared(model, prepared, budget=Budget(1.01, 1.01))
        assert record.history[-1]["step"] == 5
        assert [p.name for p in Path(str(run.output_dir)).glob("checkpoint-*")] == saved


def test_beta_reaches_the_training(tmp_path) -> None:
    """Of words that are unlikely already, the published simnpo leaves the model as it is."""
    options = {"objective": "simnpo", "retain_loss": "none", "max_steps": 2}
    rows = [
        unlearn(
            language_model(tmp_path / str(beta), "llama"),
            FORGET,
            RETAIN,
            config(tmp_path / str(beta), beta=beta, **options),
        ).history[0]
        for beta in (None, 0.1)
    ]
    assert rows[0]["grad_norm"] < 1e-2 * rows[1]["grad_norm"]


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_the_reference_is_the_original_and_no_second_copy_of_it(tmp_path, family) -> None:
    model = language_model(tmp_path, family).model.eval()
    ids = torch.tensor([[1, 5, 9, 4]])
    with torch.no_grad(), apply_adapter(model, config(tmp_path)) as original:
        before = model(input_ids=ids).logits
        reference = reference_for(model, original, config(tmp_path, objective="npo"))
        assert reference is not None
        reference.eval()
        for p in model.parameters():
            p.add_(0.1)
        assert torch.equal(reference(input_ids=ids).logits, before)
        assert not torch.equal(model(input_ids=ids).logits, before)
    found = dict(reference.named_parameters())
    assert found.keys() == original.keys()
    assert all(p.data_ptr() == original[n].data_ptr() for n, p in found.items())
    assert not any(p.requires_grad for p in found.values())


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_precomputed_states_give_the_same_model(tmp_path, monkeypatch, family) -> None:
    """And waits apart, where no copy of the model shares its weights.

    By SGD: AdamW makes whole steps of gradients that are rounding and nothing else (BERT's key
    biases).
    """
    apart, shared, ready = [], [], unlearning.apply_adapter
    found = []
    for asked_once in (False, True):
        model = language_model(tmp_path, family)
        options = config(
            tmp_path, precompute_ref_hidden_states=asked_once, optim="sgd", learning_rate=0.1
        )
        if asked_once:
            monkeypatch.setattr(
                unlearning, "reference_for", lambda *a: shared.append(reference_for(*a))
            )
            monkeypatch.setattr(
                unlearning, "apply_adapter", lambda *a, **how: apart.append(how) or ready(*a, **how)
            )
        record = unlearn(
            model, FORGET, RETAIN, options, everyday=EVERYDAY, budget=Budget(**UNBOUND)
        )
        found.append((record, copy_weights(model.model)))
    assert apart == [{"apart": True}]
    assert shared == [None]
    (each, trained_each), (once, trained_once) = found
    assert once.method == each.method
    assert once.budget.alpha == pytest.approx(each.budget.alpha, rel=1e-3)
    assert once.budget.reached == pytest.approx(each.budget.reached, abs=1e-4)
    for name, weight in trained_once.items():
        assert torch.allclose(weight, trained_each[name], atol=1e-4), name


def test_trackers_receive_the_utility_loss(tmp_path, monkeypatch) -> None:
    """As rows of their own, while those of the losses stay as they are."""
    seen: list[dict[str, float]] = []
    monkeypatch.setattr(TrainingProgress, "on_log", lambda *_, logs, **__: seen.append({**logs}))
    options = {"max_steps": 20, "logging_steps": 5}
    record = unlearn(
        language_model(tmp_path, "llama"),
        FORGET,
        RETAIN,
        config(tmp_path, **options),
        everyday=EVERYDAY,
    )
    ratios = [row for row in record.history if "perplexity_ratio" in row]
    assert [list(row) for row in ratios] == 2 * [
        ["step", "perplexity_ratio", "everyday_perplexity_ratio"]
    ]
    assert [row for row in seen if "perplexity_ratio" in row] == [
        {name: value for name, value in row.items() if name != "step"} for row in ratios
    ]
    losses = [row["step"] for row in record.history if "forget" in row]
    assert losses == [5, 10, 15, 20]


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory: pytest.TempPathFactory) -> UnlearningRecord:
    """The record of a run without everyday sentences and without a guard."""
    directory = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch, with_little_data(patch):
        model, budget = language_model(directory, "llama"), Budget(harmful_log_prob=None)
        return unlearn(model, FORGET, RETAIN, config(directory), budget=budget)


def test_a_record_without_everyday_sentences_says_so(measured_once, capsys) -> None:
    assert "without everyday sentences" in measured_once.budget.note
    assert LIMITED_BY_GUARD not in measured_once.budget.note
    assert not measured_once.budget.others
    show_unlearning(measured_once)
    shown = " ".join(capsys.readouterr().out.split())
    assert "without everyday" in shown
    assert "Perplexity on everyday sentences ×" not in shown


@pytest.mark.parametrize(
    ("alpha", "note", "binding"),
    [
        (0.0, "", False),
        (0.5, "", True),
        (0.5, f"{LIMITED_BY_GUARD}harmful words", False),
        (2.0, "", False),
    ],
)
@pytest.mark.parametrize("everyday", [None, 1.002, 1.006])
def test_the_loss_that_ended_the_search_is_shown(
    measured_once, capsys, alpha, note, binding, everyday
) -> None:
    """The one nearest to its limit, unless the guard or no limit did."""
    others = {}
    if everyday is not None:
        others["everyday_perplexity"] = UtilityFacts(1.01, everyday, before=20.0, trained=1.2)
    budget = replace(
        measured_once.budget,
        **{"reached": 1.004, "alpha": alpha, "max_alpha": 2.0, "note": note},
        **{"others": others, "movements": {}},
    )
    show_unlearning(replace(measured_once, budget=budget))
    lines = capsys.readouterr().out.splitlines()
    nearest = "everyday sentences" if everyday == 1.006 else "held-out"
    assert ["; binding" in line for line in lines if nearest in line and "×" in line] == [binding]
    assert sum("; binding" in line for line in lines) == binding
    shown = [line for line in lines if "Perplexity on everyday sentences ×" in line]
    assert len(shown) == len(others)


def test_infilling_context(tmp_path) -> None:
    model = language_model(tmp_path, "gpt2")
    record = unlearn(model, FORGET, RETAIN, config(tmp_path, context="both"))
    assert record.method["context"] == "both"
    assert record.method["selection"] == "spans"
    with pytest.raises(InputError, match="not 'all'; change one of them"):
        unlearn(model, FORGET, RETAIN, config(tmp_path, context="both", selection="all"))


def test_texts_are_counted_once_whatever_their_spans(tmp_path) -> None:
    model = language_model(tmp_path, "gpt2")
    text = Text("1", "They lie and they steal.", spans=(Span(5, 8), Span(18, 23)))
    two = replace(FORGET, texts=[text, replace(text, id="2")])
    run = config(tmp_path, objective="ascent", context="both")
    prepared = prepare(model, two, RETAIN, run)
    assert len(prepared.targets) == 4
    assert (prepared.facts[0].texts, prepared.facts[0].role) == (2, "forget")


def test_several_forget_corpora_are_counted_apart(tmp_path, capsys) -> None:
    model = language_model(tmp_path, "gpt2")
    pronouns = Corpus("pronouns", pronoun_texts()[:30])
    both = prepare(model, [FORGET, pronouns], RETAIN, config(tmp_path))
    assert [(each.name, each.texts) for each in both.facts[:2]] == [
        ("builtin:gender", len(FORGET.texts)),
        ("pronouns", 30),
    ]
    assert sum(target.gender_neutral for target in both.targets) == 30
    assert "Note:" not in capsys.readouterr().err
    with pytest.raises(InputError, match="'pronouns': none of its 30 texts have a target"):
        prepare(model, [FORGET, pronouns], RETAIN, config(tmp_path, objective="ascent"))
    with pytest.raises(InputError, match="'empty': none of its 0 texts have a target"):
        prepare(model, [FORGET, Corpus("empty", [])], RETAIN, config(tmp_path))


@pytest.mark.parametrize("family", ["llama", "bert"])
@pytest.mark.parametrize("context", ["left", "both"])
def test_the_average_over_other_groups_as_reference(tmp_path, family, context) -> None:
    model = language_model(tmp_path, family)
    run = config(tmp_path, counterfactual="groups", context=context)
    targets = prepare(model, FORGET, RETAIN, run).targets
    assert {len(target.counterfactuals) for target in targets} == {OTHER_GROUPS}
    for target in targets[:10]:
        tokens = [t for t, wanted in zip(target.ids, target.mask, strict=True) if wanted]
        for ids, mask in target.counterfactuals:
            assert [t for t, wanted in zip(ids, mask, strict=True) if wanted] == tokens
    record = unlearn(model, FORGET, RETAIN, run)
    assert record.method["counterfactual"] == "groups"
    assert record.history[0]["forget"] > 0


def test_other_groups_are_known_for_the_lexicon_only(tmp_path) -> None:
    model = language_model(tmp_path, "llama")
    texts = [replace(text, group="gardeners") for text in FORGET.texts]
    with pytest.raises(InputError, match="all in the built-in lexicon"):
        prepare(
            model, replace(FORGET, texts=texts), RETAIN, config(tmp_path, counterfactual="groups")
        )


def test_training_stops_far_beyond_the_budget(tmp_path, capsys) -> None:
    model = language_model(tmp_path, "llama")
    options = {"objective": "ascent", "retain_loss": "none", "learning_rate": 0.05, "max_steps": 60}
    record = unlearn(model, FORGET, RETAIN, config(tmp_path, **options))
    ratios = [row for row in record.history if "perplexity_ratio" in row]
    assert [row["step"] for row in ratios] == [5]
    assert record.budget.reached <= 1.01
    assert (record.method["steps"], record.method["steps_done"]) == (60, 5)
    show_unlearning(record)
    assert "5 of 60 steps (stopped early" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("objective", "steps"),
    [("ascent", 5), ("counterfactual-kl", WITH_MINIMUM.every * WITH_MINIMUM.patience)],
)
def test_how_long_training_may_stay_beyond_the_threshold(
    tmp_path, monkeypatch, objective, steps
) -> None:
    monkeypatch.setattr(early_stopping, "OVERSHOOT", -100)  # every ratio is beyond
    model = language_model(tmp_path, "llama")
    record = unlearn(model, FORGET, RETAIN, config(tmp_path, objective=objective, max_steps=40))
    assert record.method["steps_done"] == steps


def test_training_towards_a_target_may_recover(tmp_path) -> None:
    model = language_model(tmp_path, "llama")
    options = {"objective": "counterfactual-kl", "learning_rate": 1.0, "max_steps": 20}
    record = unlearn(model, FORGET, RETAIN, config(tmp_path, retain_loss="none", **options))
    first, *others = [
        row["perplexity_ratio"] for row in record.history if "perplexity_ratio" in row
    ]
    assert first > 2
    assert others
    assert all(ratio < 1 for ratio in others)
    assert "steps_done" not in record.method


def test_what_measures_the_damage_is_never_trained_on(tmp_path) -> None:
    """Not even where one corpus is given for both, or has a text twice."""
    model = language_model(tmp_path, "gpt2")
    twice = replace(EVERYDAY, texts=[*EVERYDAY.texts, *EVERYDAY.texts[::-1]])
    for retain, everyday in ((EVERYDAY, EVERYDAY), (twice, None), (RETAIN, twice)):
        prepared = prepare(model, FORGET, retain, config(tmp_path), everyday=everyday)
        measured = {tuple(ids) for part in prepared.held_out.values() for ids in part}
        assert measured
        assert not measured & {tuple(ids) for ids in prepared.retain}
    same = replace(RETAIN, texts=RETAIN.texts[:1] * 200)
    with pytest.raises(InputError, match="'rivers': all other texts begin with the same"):
        prepare(model, FORGET, same, config(tmp_path))


def test_texts_are_cut_to_what_the_model_takes(tmp_path) -> None:
    model = language_model(tmp_path, "gpt2")
    model.tokenizer.model_max_length = 20
    forget = Corpus("mine", [Text("1", "They lie. " * 30, spans=(Span(0, 4), Span(270, 278)))])
    rivers = Corpus("rivers", [Text(str(n), f"{n} " + "The river. " * 20) for n in range(200)])
    prepared = prepare(model, forget, rivers, config(tmp_path, objective="ascent"))
    (targets,) = prepared.targets
    assert len(targets.ids) <= 20
    assert max(map(len, prepared.retain)) == max(map(len, prepared.held_out["retain"])) == 20


def test_only_what_is_the_runs_own_is_removed(tmp_path) -> None:
    directory = tmp_path / "checkpoints"
    directory.mkdir()
    (directory / "notes.txt").write_text("mine")
    unlearn(
        language_model(tmp_path, "llama"),
        FORGET,
        RETAIN,
        config(tmp_path, save_strategy="steps", save_steps=2),
    )
    assert [path.name for path in directory.iterdir()] == ["notes.txt"]


SAVED = {"objective": "ascent", "save_strategy": "steps", "save_steps": 2}


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of a run that was cut off; never change them."""
    directory = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch, with_little_data(patch):
        cut_off(directory, patch, "llama", **SAVED)
    return directory / "checkpoints"


@pytest.fixture
def saved(saved_once: Path, tmp_path: Path) -> Path:
    """A copy of them, where the next run has its own."""
    return Path(shutil.copytree(saved_once, tmp_path / "checkpoints"))


def test_a_copy_of_checkpoints_is_resumed(saved, tmp_path, monkeypatch) -> None:
    """Without which those below would be refused for where they are."""
    steps = []
    monkeypatch.setattr(
        "fairforget.training.trainer.UnlearningTrainer.training_step",
        lambda *_, **__: steps.append(1),
    )
    unlearn(language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path, **SAVED))
    assert not steps


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("what", ["dtype", "sharding"])
def test_checkpoints_are_of_one_number_type_and_one_launcher(tmp_path, monkeypatch, what) -> None:
    model = language_model(tmp_path, "llama")
    if what == "dtype":
        model.model.to(torch.bfloat16)
    else:
        monkeypatch.setattr(unlearning, "is_sharding_requested", lambda: True)
    with pytest.raises(InputError, match="checkpoints of another run"):
        unlearn(model, FORGET, RETAIN, config(tmp_path, **SAVED))


def test_a_failed_run_with_an_adapter_leaves_the_original(tmp_path, monkeypatch) -> None:
    model = language_model(tmp_path, "llama")
    before = copy_weights(model.model)
    monkeypatch.setattr(limits, "interpolate_to_budget", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        unlearn(model, FORGET, RETAIN, config(tmp_path, lora_rank=4))
    after = copy_weights(model.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_history_has_the_likelihood_of_the_targets(tmp_path) -> None:
    record = unlearn(
        language_model(tmp_path, "llama"),
        FORGET,
        RETAIN,
        config(tmp_path, objective="ascent", retain_loss="none", logging_steps=1),
    )
    rows = [row for row in record.history if "forget" in row]
    for row in rows:  # of ascent, the loss is the log-likelihood
        assert row["likelihood"] == pytest.approx(math.exp(row["forget"]), rel=1e-4)
    assert rows[-1]["likelihood"] < rows[0]["likelihood"]


def test_too_few_retain_texts() -> None:
    model = LanguageModel(tiny_causal("gpt2"), word_tokenizer(), "x", "causal", "<|endoftext|>")
    few = Corpus("few", RETAIN.texts[:15])
    with pytest.raises(InputError, match="'few' has 15 texts"):
        unlearn(model, FORGET, few, UnlearningConfig("unused", use_cpu=True))


class CutError(Exception):
    """The run is interrupted here."""


def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, **options) -> None:
    """Run until interpolation would begin."""

    def stop(*_, **__):
        raise CutError

    with monkeypatch.context() as patch:
        patch.setattr(limits, "interpolate_to_budget", stop)
        with pytest.raises(CutError):
            unlearn(
                language_model(tmp_path, family),
                FORGET,
                RETAIN,
                config(tmp_path, **options),
            )


@pytest.mark.parametrize(
    "options",
    [
        {"max_steps": 4, "save_steps": 2},
        {"max_steps": 4, "save_steps": 2, "lora_rank": 4},
        {"max_steps": 4, "save_steps": 2, "precompute_ref_hidden_states": True},
        # stopped early at step 20: resuming must not train further
        {
            "objective": "ascent",
            "retain_loss": "none",
            "learning_rate": 0.05,
            "max_steps": 60,
            "save_steps": 50,
        },
    ],
)
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path, monkeypatch, options) -> None:
    options = {"save_strategy": "steps", **options}
    whole = language_model(tmp_path / "whole", "llama")
    record = unlearn(whole, FORGET, RETAIN, config(tmp_path / "whole", **options))

    cut_off(tmp_path / "cut", monkeypatch, "llama", **options)
    again = language_model(tmp_path / "cut", "llama")
    continued = unlearn(again, FORGET, RETAIN, config(tmp_path / "cut", **options))

    assert_same_weights(again, whole)
    assert continued.budget == record.budget
    assert continued.method == record.method
    assert not (tmp_path / "cut" / "checkpoints").exists()


def test_the_training_time_includes_that_of_earlier_sessions(saved, tmp_path) -> None:
    checkpoints.save_seconds(saved / "checkpoint-4", 5000.0)
    checkpoints.write_checksums(saved / "checkpoint-4")
    record = unlearn(language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path, **SAVED))
    assert record.seconds["training"] > 5000


@pytest.mark.parametrize("family", ["gpt_neox", "mixtral", "gemma2", "bert"])
def test_a_run_of_any_family_resumes_with_all_of_its_weights(tmp_path, monkeypatch, family) -> None:
    """The hub's files of some families have other names for weights, or other tensors."""
    options = {"save_strategy": "steps", "save_steps": 2, "objective": "ascent"}
    whole = language_model(tmp_path / "whole", family)
    unlearn(whole, FORGET, RETAIN, config(tmp_path / "whole", **options))
    cut_off(tmp_path / "cut", monkeypatch, family, **options)
    again = language_model(tmp_path / "cut", family)
    unlearn(again, FORGET, RETAIN, config(tmp_path / "cut", **options))
    assert_same_weights(again, whole)


def test_checkpoints_of_another_version_are_refused(saved: Path, tmp_path) -> None:
    for step in (2, 4):
        directory = saved / f"checkpoint-{step}"
        (directory / TRAINED).rename(directory / "model.safetensors")
        checkpoints.write_checksums(directory)
    with pytest.raises(InputError, match="or of another version of FairForget; remove it"):
        unlearn(language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path, **SAVED))


@pytest.mark.parametrize(
    "other",
    [
        {"forget": Corpus("builtin:race", builtin_texts("race", limit=40), "race")},
        {"retain": replace(RETAIN, texts=RETAIN.texts[1:])},
        {"everyday": EVERYDAY},
        {"budget": Budget(perplexity=1.5)},
        {"objective": "npo"},
        {"learning_rate": 1e-3},
        {"weight_decay": 0.1},
        {"max_steps": 6},
        {"family": "gpt2"},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.usefixtures("saved")
def test_checkpoints_of_another_run_are_not_taken_for_this_one(tmp_path, other: dict) -> None:
    corpora = {"forget": FORGET, "retain": RETAIN, "everyday": None, "budget": Budget()}
    given = {name: other.pop(name, usual) for name, usual in corpora.items()}
    model = language_model(tmp_path, other.pop("family", "llama"))
    with pytest.raises(InputError, match="checkpoints of another run"):
        unlearn(
            model,
            given["forget"],
            given["retain"],
            config(tmp_path, **{**SAVED, **other}),
            budget=given["budget"],
            everyday=given["everyday"],
        )


def test_checkpoints_of_nobody_knows_which_run_are_refused(saved: Path, tmp_path) -> None:
    (saved / checkpoints.RUN_MARK).unlink()
    with pytest.raises(InputError, match="checkpoints of another run"):
        unlearn(language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path, **SAVED))


def test_a_run_that_left_no_checkpoint_binds_nobody(tmp_path, monkeypatch) -> None:
    cut_off(tmp_path, monkeypatch, "llama")
    record = unlearn(
        language_model(tmp_path, "llama"), FORGET, RETAIN, config(tmp_path, objective="ascent")
    )
    assert record.method["objective"] == "ascent"


def test_a_diverged_run_can_be_read_back(measured_once, tmp_path) -> None:
    budget = replace(measured_once.budget, trained=math.inf)
    diverged = replace(measured_once, history=[{"loss": math.nan}], budget=budget)
    write_record(diverged, tmp_path / "record.json")
    again = read_record(tmp_path / "record.json", UnlearningRecord)
    assert math.isnan(again.history[0]["loss"])
    assert again.budget.trained == math.inf


def test_the_saved_tokenizer_cuts_no_texts(tmp_path: Path) -> None:
    model = language_model(tmp_path, "llama")
    unlearn(model, FORGET, RETAIN, config(tmp_path))
    save_model(model, tmp_path / "saved")
    saved, original = (tmp_path / name / "tokenizer.json" for name in ("saved", "llama"))
    assert saved.read_bytes() == original.read_bytes()
