"""The trainer: what a step minimises, and what must not change it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from peft import LoraConfig, get_peft_model, inject_adapter_in_model
from transformers import BertForMaskedLM, RobertaForMaskedLM, TrainerCallback

from fairforget.errors import InputError
from fairforget.forward.probes import agree
from fairforget.models.language_model import LanguageModel
from fairforget.objectives import OBJECTIVES, RETAIN_LOSSES
from fairforget.objectives.retain import fact_loss
from fairforget.objectives.trait_words import TraitWords
from fairforget.targets import Targets
from fairforget.training import ref_hidden_states
from fairforget.training.adapters import (
    adapter_layers,
    add_adapter,
    disable_layers,
    merge_adapter,
)
from fairforget.training.config import UnlearningConfig
from fairforget.training.examples import Example, ExampleDataset
from fairforget.training.method import describe_method
from fairforget.training.restore import differs_in_training, disable_dropout
from fairforget.training.trainability import check_objective, check_trainable
from fairforget.training.trainer import UnlearningTrainer

from .models import (
    CAUSAL,
    MASKED,
    WHOLE,
    _common,
    join_weights,
    tiny,
    tiny_causal,
    tiny_model,
    word_tokenizer,
)

VOCABULARY = 60
EACH_INPUT = {objective.ref_input: name for name, objective in reversed([*OBJECTIVES.items()])}
"""What the reference model reads → the first objective for which it does."""
PAIRS = sorted(
    {
        *product([*CAUSAL, *MASKED], EACH_INPUT.values()),
        *product(["llama", "bert"], OBJECTIVES),
    }
)
"""Families and objectives that can differ: a loss sees log-probabilities and nothing of the family
that gave them; a family sees nothing of the loss but what the reference model is to read."""
MARKED_PAIRS = [
    pytest.param(*pair, marks=[] if pair[0] in ("llama", "bert") else [pytest.mark.slow])
    for pair in PAIRS
]
MASKED_MODELS = (BertForMaskedLM, RobertaForMaskedLM)
TRAIT_WORDS = TraitWords(torch.arange(5, 45), torch.arange(5, 45) % 3 == 0, torch.tensor([2, 3, 4]))


@pytest.fixture(autouse=True)
def _trait_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabulary here has no words."""
    monkeypatch.setattr("fairforget.training.trainer.find_trait_words", lambda *_: TRAIT_WORDS)


def corpus(count: int = 8) -> list[Targets]:
    """Forget texts of different lengths, with counterfactual texts of other lengths."""
    generator = torch.Generator().manual_seed(0)

    def ids(n: int) -> tuple[int, ...]:
        return tuple(torch.randint(1, VOCABULARY, (n,), generator=generator).tolist())

    texts = []
    for i in range(count):
        end = ids(3)
        texts.append(
            Targets(
                (0, *ids(2 + i % 4), *end),
                (False,) * (3 + i % 4) + (True, i % 2 == 0, True),
                (((0, *ids(1 + i % 3), *end), (False,) * (2 + i % 3) + (True, i % 2 == 0, True)),),
                gender_neutral=i % 3 == 0,
            )
        )
    return texts


RETAIN = [[0, 3, 1, 4, 1, 5, 9, 2, 6], [0, 5, 3], [0, 8, 9, 7, 9, 3, 2], [0, 3, 8, 4, 6]]
ANSWERS = {tuple(RETAIN[0]): (False,) * 5 + (True,) * 3 + (False,)}
"""One of them is a fact."""


def trainer(
    tmp_path: Path,
    model,
    *,
    forget: Sequence[Targets] | None = None,
    retain: Sequence[Sequence[int]] = RETAIN,
    ref_model=None,
    **options,
):
    settings = {
        "max_steps": 3,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-2,
        "warmup_steps": 0,
        "lr_scheduler_type": "constant",
        "retain_per_forget": 0.5,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    callbacks = options.pop("callbacks", None)
    config = UnlearningConfig(output_dir=str(tmp_path), **(settings | options))
    return UnlearningTrainer(
        model,
        config,
        corpus() if forget is None else forget,
        retain,
        processing_class=word_tokenizer() if isinstance(model, MASKED_MODELS) else None,
        ref_model=ref_model,
        callbacks=callbacks,
        answers=ANSWERS,
    )


def losses(run: UnlearningTrainer) -> list[float]:
    return [row["loss"] for row in run.state.log_history if "loss" in row]


def predicted(net, ids, mask, hidden: int | None, *, at_once: bool = False) -> torch.Tensor:
    """Log-probabilities at the marked tokens; of a masked model, hidden one by one or at once."""
    if hidden is None:
        found = net(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        return found[torch.tensor(mask[1:])]
    places = [i for i, wanted in enumerate(mask) if wanted]
    parts = []
    for group in [places] if at_once else [[i] for i in places]:
        shown = torch.tensor([ids])
        shown[0, group] = hidden
        parts.append(net(input_ids=shown).logits[0, group].log_softmax(-1))
    return torch.cat(parts)


def naive_loss(
    model, reference, objective: str, retain_loss: str, samples, collator
) -> tuple[torch.Tensor, float]:
    """Every text by itself, full logits; and the mean log-likelihood of the targets."""
    hidden = collator.mask_id
    sums, counts, likelihood = [torch.zeros(()), torch.zeros(())], [0, 0], 0.0
    for sample in samples:
        text = sample.forget
        mine = predicted(model, text.ids, text.mask, hidden)
        theirs = None
        if OBJECTIVES[objective].needs_counterfactual:
            each = [predicted(reference, *marked, hidden).exp() for marked in text.counterfactuals]
            theirs = (sum(each) / len(each)).log()
            if target := OBJECTIVES[objective].target:
                own = predicted(reference, text.ids, text.mask, hidden)
                gender_neutral = torch.full((text.count,), text.gender_neutral)
                theirs = target(own, theirs, TRAIT_WORDS, gender_neutral)
        elif OBJECTIVES[objective].ref_input == "text":
            theirs = predicted(reference, text.ids, text.mask, hidden)
        tokens = torch.tensor(text.ids)[torch.tensor(text.mask)]
        sums[0] = sums[0] + OBJECTIVES[objective].loss(mine, tokens, theirs).sum()
        if word_loss := OBJECTIVES[objective].target_word_loss:
            sums[0] = sums[0] + word_loss(mine, theirs, TRAIT_WORDS, gender_neutral).sum()
        likelihood += mine.gather(1, tokens[:, None]).sum().item()
        counts[0] += len(tokens)
        for ids in sample.retain:
            mask = collator._retain_mask(ids)
            tokens = torch.tensor(ids)[torch.tensor(mask)]
            mine = predicted(model, ids, mask, hidden, at_once=True)
            theirs = predicted(reference, ids, mask, hidden, at_once=True)
            loss = RETAIN_LOSSES[retain_loss].loss(mine, tokens, theirs)
            sums[1] = sums[1] + loss.sum()
            counts[1] += len(tokens)
            if not RETAIN_LOSSES[retain_loss].needs_ref_model:
                continue
            if word_loss := OBJECTIVES[objective].retain_word_loss:
                sums[1] = sums[1] + word_loss(mine, theirs, TRAIT_WORDS, None).sum()
            answer = torch.tensor(ANSWERS.get(tuple(ids), (False,) * len(mask)))
            answer = answer[torch.tensor(mask)]
            sums[1] = sums[1] + fact_loss(mine[answer], tokens[answer], theirs[answer]).sum()
    return sums[0] / counts[0] + 0.5 * sums[1] / counts[1], likelihood / counts[0]


def closed(text: Targets) -> Targets:
    """As a masked model sees it: with a token behind all of it."""
    compared = tuple(((*ids, 1), (*mask, False)) for ids, mask in text.counterfactuals)
    return Targets((*text.ids, 1), (*text.mask, False), compared, text.gender_neutral)


def gradients(model) -> dict[str, torch.Tensor]:
    """Of each weight, taken away."""
    found = {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in model.named_parameters()
    }
    model.zero_grad()
    return found


def loss_of(run: UnlearningTrainer, samples) -> torch.Tensor:
    """One step's loss, as the trainer computes it."""
    batch = run.data_collator(samples)
    _, counts = run.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
    with run._losses_as_forward(run.model):
        return run.compute_loss(run.model, batch, num_items_in_batch=counts)


def assert_step(
    run: UnlearningTrainer, samples, expected: torch.Tensor, slopes: dict[str, torch.Tensor]
) -> None:
    """A step's loss and its gradient are these, but for rounding."""
    loss = loss_of(run, samples)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    largest = max(slope.abs().max().item() for slope in slopes.values())
    for name, slope in gradients(run.model).items():
        assert torch.allclose(slope, slopes[name], atol=1e-5 * largest), name


@pytest.mark.parametrize(("family", "objective"), MARKED_PAIRS)
def test_loss_and_gradient_are_those_of_single_texts(
    tmp_path: Path, monkeypatch, family: str, objective: str
) -> None:
    model, reference = tiny(family, seed=0), tiny(family, seed=1).eval()
    reference.requires_grad_(False)
    forget = [closed(text) for text in corpus()] if family in MASKED else corpus()
    run = trainer(tmp_path, model.eval(), forget=forget, objective=objective, retain_loss="kl")
    run.losses.ref_model = reference
    run.config.retain_loss_weight = 0.5
    samples = [run.train_dataset[i] for i in range(8)]
    expected, likelihood = naive_loss(model, reference, objective, "kl", samples, run.data_collator)
    expected.backward()
    slopes = gradients(model)
    packed = family in CAUSAL
    for trees, rows, once in ((packed, 256, False), (False, 256, True), (packed, 5, False)):
        run._logged.zero_()
        monkeypatch.setattr("fairforget.training.step_loss.HEAD_ROWS", rows)
        run.losses.head_at_once = once
        object.__setattr__(run.data_collator, "trees", trees)
        assert_step(run, samples, expected, slopes)
        assert run._logged[2].item() / run._logged[3].item() == pytest.approx(likelihood, abs=1e-4)


def test_retain_texts_without_a_reference_have_no_loss_on_words(tmp_path: Path) -> None:
    model, reference = tiny("llama", seed=0), tiny("llama", seed=1).requires_grad_(False)
    run = trainer(tmp_path, model.eval(), objective="trait-kl", retain_loss="nll")
    run.losses.ref_model = reference
    run.config.retain_loss_weight = 0.5
    samples = [run.train_dataset[i] for i in range(8)]
    expected, _ = naive_loss(model, reference, "trait-kl", "nll", samples, run.data_collator)
    assert loss_of(run, samples).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("name", ["target_word_loss", "retain_word_loss"])
def test_a_loss_on_words_with_another_shape_is_refused(
    tmp_path: Path, monkeypatch, name: str
) -> None:
    """It would be added to the loss of every token, or once for each chunk."""
    wrong: Any = {name: lambda mine, *_: mine.mean()}
    objective = replace(OBJECTIVES["trait-kl"], name="mine", **wrong)
    run = trainer(tmp_path, tiny("llama"), objective=objective, retain_loss="kl")
    refused = r"'mine \(word loss\)' returned .* return one loss per target token"
    with pytest.raises(InputError, match=refused):
        loss_of(run, [run.train_dataset[i] for i in range(8)])
    monkeypatch.setattr("fairforget.training.trainability.find_trait_words", lambda *_: TRAIT_WORDS)
    with pytest.raises(InputError, match=refused):
        check_objective(tiny_model("llama"), run.config)


def test_a_target_with_another_shape_is_refused_before_training(
    tmp_path: Path, monkeypatch
) -> None:
    objective = replace(OBJECTIVES["trait-kl"], name="mine", target=lambda own, *_: own[:, 0])
    run = trainer(tmp_path, tiny("llama"), objective=objective, retain_loss="kl")
    monkeypatch.setattr("fairforget.training.trainability.find_trait_words", lambda *_: TRAIT_WORDS)
    with pytest.raises(InputError, match="'mine': its target does not return log-probabilities"):
        check_objective(tiny_model("llama"), run.config)


@pytest.mark.parametrize(("family", "objective"), MARKED_PAIRS)
def test_a_reference_model_with_precomputed_states_is_not_used_again(
    tmp_path: Path, monkeypatch, family: str, objective: str
) -> None:
    model, reference = tiny(family, seed=0), tiny(family, seed=1).requires_grad_(False)
    forget = [closed(text) for text in corpus()] if family in MASKED else corpus()
    options = {
        "objective": objective,
        "retain_loss_weight": 0.5,
        "precompute_ref_hidden_states": True,
    }
    given = copy.deepcopy(reference)
    run = trainer(tmp_path, model.eval(), forget=forget, ref_model=given, **options)
    run.precompute_ref_hidden_states()
    for weight in given.parameters():
        weight.fill_(torch.nan)
    samples = [run.train_dataset[i] for i in range(8)]
    expected, _ = naive_loss(model, reference, objective, "kl", samples, run.data_collator)
    expected.backward()
    slopes = gradients(model)
    for rows in (256, 5):
        monkeypatch.setattr("fairforget.training.step_loss.HEAD_ROWS", rows)
        assert "ref" not in run.data_collator(samples)
        assert_step(run, samples, expected, slopes)


def test_without_an_adapter_peft_is_not_needed(tmp_path: Path, monkeypatch) -> None:
    """It is in an extra."""
    monkeypatch.setitem(sys.modules, "peft.tuners.tuners_utils", None)
    run = trainer(tmp_path, tiny_causal("llama"), objective="counterfactual-kl")
    run.train()
    assert run.losses.ref_model is not None


@pytest.mark.parametrize("retain_loss", ["kl", "nll"])
def test_answers_are_marked_only_if_the_retain_loss_compares_with_the_reference(
    tmp_path: Path, retain_loss: str
) -> None:
    run = trainer(tmp_path, tiny_causal("llama"), objective="ascent", retain_loss=retain_loss)
    part = run.data_collator([run.train_dataset[i] for i in range(8)])["retain"]
    assert ("answers" in part) == (retain_loss == "kl")
    if retain_loss == "kl":
        assert sorted(part["tokens"][part["answers"]].tolist()) == sorted(RETAIN[0][5:8])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"bf16": True}, {"gradient_accumulation_steps": 2}])
def test_precomputed_states_do_not_change_training(tmp_path: Path, monkeypatch, options) -> None:
    """Over several passes, in which each text comes several times and is computed once."""
    options = {"optim": "sgd", "learning_rate": 0.1, "max_steps": 6, **options}
    options["objective"] = "counterfactual-kl"  # one text to compare with, not two
    each = trainer(tmp_path, tiny_causal("llama"), **options)
    each.train()
    model = tiny_causal("llama").train()
    once = trainer(tmp_path, model, precompute_ref_hidden_states=True, **options)
    passes, states = [], ref_hidden_states.hidden_states
    with monkeypatch.context() as patch:
        patch.setattr(
            ref_hidden_states, "hidden_states", lambda *a, **b: passes.append(1) or states(*a, **b)
        )
        once.precompute_ref_hidden_states()
    assert len(passes) == 1  # all texts are in the first batch
    assert model.training
    known = once.data_collator.known
    assert {role: len(texts) for role, texts in known.items()} == {"forget": 8, "retain": 4}
    head = sum(p.numel() for p in once.losses.ref_model.parameters())
    assert head == model.lm_head.weight.numel()  # and nothing of the body
    once.train()
    assert once.data_collator.known is known
    nats = 0.01 if "bf16" in options else 1e-5
    assert losses(once) == pytest.approx(losses(each), abs=nats)
    assert torch.allclose(join_weights(once.model), join_weights(each.model), atol=nats)


@pytest.mark.parametrize("bf16", [False, True])
def test_precomputed_states_are_as_precise(tmp_path: Path, bf16: bool) -> None:
    """At the start the model is the original, and what they differ by is their rounding."""
    first = []
    for precompute in (False, True):
        options = {"objective": "ascent", "bf16": bf16, "precompute_ref_hidden_states": precompute}
        run = trainer(tmp_path, tiny_causal("llama"), **options)
        run.train()
        first.append(run.state.log_history[0])
    assert first[1]["retain"] == pytest.approx(first[0]["retain"], abs=1e-7)
    assert first[1]["grad_norm"] == pytest.approx(first[0]["grad_norm"], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora_rank": 4}, "saves no memory with lora_rank"),
        (
            {"objective": "ascent", "retain_loss": "nll"},
            "has no effect: this objective and retain loss use no reference model",
        ),
        ({"objective": "ascent", "retain_loss": "none"}, "use no reference model"),
    ],
)
def test_precomputing_without_effect_is_refused(tmp_path: Path, options: dict, message) -> None:
    with pytest.raises(InputError, match=message):
        trainer(tmp_path, tiny_causal("llama"), precompute_ref_hidden_states=True, **options)


def test_sharding_keeps_the_original_at_hand(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fairforget.training.config_checks.is_sharding_requested", lambda: True)
    with pytest.raises(InputError, match="saves no memory with lora_rank, FSDP or ZeRO-3"):
        trainer(tmp_path, tiny_causal("llama"), precompute_ref_hidden_states=True)


def test_a_head_that_needs_more_than_hidden_states_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny("echo"), precompute_ref_hidden_states=True)
    with pytest.raises(InputError, match="with Echo: its head needs more than the hidden states"):
        run.train()


@pytest.mark.parametrize("family", WHOLE)
@pytest.mark.parametrize("objective", EACH_INPUT.values())
def test_a_head_that_cannot_be_run_apart_is_not(
    tmp_path: Path, monkeypatch, family: str, objective: str
) -> None:
    model, reference = tiny(family, seed=0), tiny(family, seed=1).requires_grad_(False)
    run = trainer(tmp_path, model, objective=objective, retain_loss="kl")
    run.losses.ref_model = reference
    run.config.retain_loss_weight = 0.5
    assert not run.data_collator.trees
    samples = [run.train_dataset[i] for i in range(8)]
    expected, _ = naive_loss(model, reference, objective, "kl", samples, run.data_collator)
    expected.backward()
    slopes = gradients(model)
    for rows, once in ((256, False), (5, False), (256, True)):
        monkeypatch.setattr("fairforget.training.step_loss.HEAD_ROWS", rows)
        run.losses.head_at_once = once
        assert_step(run, samples, expected, slopes)
    run.train()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gpt2", "mixtral"])
def test_gradient_checkpointing_changes_nothing(tmp_path: Path, family: str) -> None:
    options = {"objective": "counterfactual-kl", "optim": "sgd", "learning_rate": 0.1}
    plain = trainer(tmp_path, tiny_causal(family), **options)
    plain.train()
    saving = trainer(tmp_path, tiny_causal(family), gradient_checkpointing=True, **options)
    saving.train()
    assert losses(saving) == pytest.approx(losses(plain), abs=1e-5)
    assert torch.allclose(join_weights(saving.model), join_weights(plain.model), atol=1e-6)


@pytest.mark.parametrize("objective", ["ascent", "counterfactual-kl"])
def test_mixed_precision_changes_little(tmp_path: Path, objective: str) -> None:
    options = {"objective": objective, "optim": "sgd", "learning_rate": 0.1}
    full = trainer(tmp_path, tiny_causal("llama"), **options)
    before = join_weights(full.model)
    full.train()
    half = trainer(tmp_path, tiny_causal("llama"), bf16=True, **options)
    half.train()
    assert half.losses.split
    assert losses(half) == pytest.approx(losses(full), rel=0.02, abs=0.02)
    change, expected = join_weights(half.model) - before, join_weights(full.model) - before
    assert (change - expected).norm() < 0.1 * expected.norm()  # of the head's weights, too


def averaged(text: Targets, others: Sequence[Targets]) -> Targets:
    """The text with the counterfactual texts of others as well."""
    compared = (*text.counterfactuals, *(other.counterfactuals[0] for other in others))
    return replace(text, counterfactuals=compared)


@torch.no_grad()
def test_the_average_over_several_texts(tmp_path: Path) -> None:
    """Averaged over one text three times, the loss is the plain one; over three, the naive one."""
    texts = [replace(text, counterfactuals=text.counterfactuals[:1]) for text in corpus(4)]
    same = [averaged(text, [text, text]) for text in texts]
    # the first and third text have as many targets, and so have the second and fourth
    mixed = [averaged(text, [texts[i % 2], texts[i % 2 + 2]]) for i, text in enumerate(texts)]
    model, reference = tiny_causal("llama", seed=0), tiny_causal("llama", seed=1).eval()
    for objective, precompute in product(
        ("counterfactual-kl", "counterfactual-excess"), (False, True)
    ):
        options = {"precompute_ref_hidden_states": precompute, "retain_loss_weight": 0.5}
        options |= {"objective": objective, "ref_model": reference}
        found = {}
        for name, forget in (("plain", texts), ("same", same), ("mixed", mixed)):
            run = trainer(tmp_path, model.eval(), forget=forget, **options)
            if precompute:
                run.precompute_ref_hidden_states()
            samples = [run.train_dataset[i] for i in range(4)]
            found[name] = loss_of(run, samples).item()
            expected, _ = naive_loss(model, reference, objective, "kl", samples, run.data_collator)
            assert found[name] == pytest.approx(expected.item(), abs=1e-5)
        assert found["same"] == pytest.approx(found["plain"], abs=1e-6)
        assert found["mixed"] != pytest.approx(found["plain"], abs=1e-3)


def test_a_model_that_is_saved_by_hand_can_be_loaded(tmp_path: Path) -> None:
    """Whatever its directory is called; one with an adapter is merged first."""
    directory = tmp_path / "checkpoint-final"
    for lora_rank in (0, 4):
        model = tiny_causal("llama")
        run = trainer(tmp_path, model, lora_rank=lora_rank)
        run.train()
        if lora_rank:
            with pytest.raises(InputError, match="merge it first"):
                run.save_model(str(directory))
            merge_adapter(model)
        run.save_model(str(directory))
        saved = type(model).from_pretrained(directory)
        ids = torch.tensor([[0, 3, 1]])
        assert torch.allclose(saved(ids).logits, model(ids).logits, atol=1e-6)


def test_the_trainer_puts_an_adapter_on(tmp_path: Path) -> None:
    """Used by itself, with `lora_rank`: the reference is the model without it, and it merges."""
    model = tiny_causal("llama")
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    run = trainer(tmp_path, model, objective="npo", lora_rank=4)
    assert all(".lora_" in name for name, p in model.named_parameters() if p.requires_grad)
    run.train()
    retained = [row["retain"] for row in run.state.log_history if "retain" in row]
    assert retained[0] == pytest.approx(0, abs=1e-6)
    assert retained[-1] > 1e-6
    found = losses(run)
    assert found[-1] < found[0]
    with disable_layers(adapter_layers(model).values()), torch.no_grad():
        assert torch.equal(model(torch.tensor([[0, 3]])).logits, original_logits(before))
    merge_adapter(model)
    after = dict(model.named_parameters())
    assert after.keys() == before.keys()
    assert any(not torch.equal(after[name], before[name]) for name in before)


def phimoe() -> hf.PreTrainedModel:
    """Its router is a linear layer with a forward pass of its own, and samples in training."""
    torch.manual_seed(0)
    experts = {"num_local_experts": 16, "num_experts_per_tok": 2, "num_key_value_heads": 2}
    model = hf.PhimoeForCausalLM(hf.PhimoeConfig(**_common(**experts)))
    for weights in model.parameters():
        if weights.dim() > 1:
            torch.nn.init.normal_(weights, std=0.2)
    return model.eval()


def test_a_router_gets_no_adapter(tmp_path: Path) -> None:
    model, ids = phimoe(), torch.tensor([[0, 3, 1]])
    before = model(ids).logits
    add_adapter(
        model, UnlearningConfig(str(tmp_path), lora_rank=2, learning_rate=1e-3, use_cpu=True)
    )
    assert torch.equal(model(ids).logits, before)
    assert not [name for name in adapter_layers(model) if "router" in name]
    assert adapter_layers(model)


def test_linear_layers_of_a_family_of_its_own_get_adapters(tmp_path: Path) -> None:
    """All of Falcon's are subclasses with a forward pass that only rounds otherwise."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = hf.FalconForCausalLM(hf.FalconConfig(vocab_size=40, **sizes))
    add_adapter(
        model, UnlearningConfig(str(tmp_path), lora_rank=2, learning_rate=1e-3, use_cpu=True)
    )
    assert len(adapter_layers(model)) == 8


def test_a_model_that_differs_in_training_mode_is_refused() -> None:
    assert differs_in_training(phimoe())
    routed = LanguageModel(phimoe(), word_tokenizer(), "phimoe", "causal", "<|endoftext|>")
    with pytest.raises(InputError, match="its predictions in training mode differ from those in"):
        check_trainable(routed)


def test_a_model_that_could_not_be_saved_is_refused() -> None:
    made = tiny_model("llama")
    check_trainable(made)
    made.model.generation_config.temperature = -1.0
    with pytest.raises(InputError, match=r"'llama' could not be saved .*temperature"):
        check_trainable(made)


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_no_other_model_differs_in_training_mode(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool | None] = []

    def watch(*args: Any) -> bool | None:
        found.append(agree(*args))
        return found[-1]

    monkeypatch.setattr("fairforget.training.restore.agree", watch)
    model = tiny(family).train()
    assert not differs_in_training(model)
    assert model.training
    assert found == [True]


def test_the_layers_of_an_adapter_are_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each step they are disabled for the body of the reference model, and not for its head."""
    model = tiny_causal("llama")
    monkeypatch.setattr("fairforget.training.step_loss.HEAD_ROWS", 4)
    run = trainer(tmp_path, model, objective="npo", lora_rank=4)
    searches, switches = [], []
    layers = adapter_layers(model)
    monkeypatch.setattr(
        "fairforget.training.step_loss.adapter_layers",
        lambda model: searches.append(None) or layers,
    )
    for layer in layers.values():
        monkeypatch.setattr(layer, "enable_adapters", switches.append)
    run.train()
    assert len(searches) == 1
    assert switches == ([False] * len(layers) + [True] * len(layers)) * 3


@pytest.mark.parametrize("modules", [["q_proj", "lm_head"], ["lm_head"], ["q_proj"]])
def test_the_reference_model_has_no_adapter_in_body_or_head(
    tmp_path: Path, modules: list[str]
) -> None:
    found = []
    for reference in (None, tiny_causal("llama")):
        model = tiny_causal("llama")
        torch.manual_seed(0)
        inject_adapter_in_model(LoraConfig(r=4, target_modules=modules), model)
        for name, weights in model.named_parameters():
            if ".lora_B." in name:
                torch.nn.init.normal_(weights, std=0.5)
        run = trainer(tmp_path, model, objective="trait-kl", lora_rank=4, ref_model=reference)
        run.train()
        found.append((losses(run), join_weights(model)))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def original_logits(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of the tiny llama with these weights."""
    model = tiny_causal("llama")
    model.load_state_dict(weights, strict=False)
    return model(torch.tensor([[0, 3]])).logits


def test_data_that_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    texts = corpus(4)
    nothing = Targets((0, 1), (False, False), texts[0].counterfactuals)
    uneven = [replace(texts[0], counterfactuals=texts[0].counterfactuals * 2), *texts[1:]]
    for forget, message in (
        ([nothing], "no target token; leave it out"),
        (uneven, "different numbers"),
    ):
        with pytest.raises(InputError, match=message):
            trainer(tmp_path, tiny_causal("llama"), forget=forget)
    settings = UnlearningConfig(str(tmp_path), use_cpu=True)
    with pytest.raises(
        InputError, match="retain text has no token after its start token; leave it out"
    ):
        UnlearningTrainer(tiny_causal("llama"), settings, texts, [[0]])
    with pytest.raises(
        InputError, match="retain text has no token between its start and end token; leave it out"
    ):
        UnlearningTrainer(tiny("bert"), settings, corpus(2), [[0, 1]])
    wrapped = get_peft_model(tiny_causal("llama"), LoraConfig(target_modules="all-linear"))
    with pytest.raises(InputError, match="PeftModel; pass the model itself"):
        trainer(tmp_path, wrapped)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"fsdp": True}, "accelerate launch"),
        ({"eval_strategy": "steps"}, "fairforget.evaluate"),
        ({"auto_find_batch_size": True}, "gradient_accumulation_steps"),
    ],
)
def test_what_the_trainer_does_otherwise_is_refused(tmp_path: Path, option, message: str) -> None:
    with pytest.raises(InputError, match=message):
        UnlearningConfig(str(tmp_path), use_cpu=True, **option)


def test_a_long_run_is_ordered_as_it_goes() -> None:
    """Place by place, a pass over the texts at a time; a billion steps take no memory."""
    samples = ExampleDataset(corpus(3), RETAIN, count=10**12, retain_per_forget=0.5, seed=0)
    assert len(samples) == 10**12
    passes = [[samples[3 * n + i].forget.ids for i in range(3)] for n in range(4)]
    assert all(set(one) == {t.ids for t in corpus(3)} for one in passes)
    assert len({tuple(one) for one in passes}) > 1
    again = ExampleDataset(corpus(3), RETAIN, count=12, retain_per_forget=0.5, seed=0)
    assert [again[i] for i in reversed(range(12))] == [samples[i] for i in reversed(range(12))]
    with pytest.raises(IndexError):
        again[12]


@pytest.mark.parametrize("family", MASKED)
@torch.no_grad()
def test_masked_models_predict_each_target_from_both_sides(tmp_path: Path, family: str) -> None:
    """Ascent on exactly log P(x_i | X \\ x_i): one copy of the text per target, hidden in it."""
    model, tokenizer = tiny(family), word_tokenizer()
    hidden = tokenizer.mask_token_id
    texts = [closed(text) for text in corpus()]
    config = UnlearningConfig(
        str(tmp_path), objective="ascent", retain_loss="none", use_cpu=True, disable_tqdm=True
    )
    run = UnlearningTrainer(model, config, texts, processing_class=tokenizer)
    batch = run.data_collator([Example(t, ()) for t in texts])
    _, counts = run.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
    with run._losses_as_forward(model):
        loss = run.compute_loss(model, batch, num_items_in_batch=counts)

    expected = []
    for text in texts:
        for i, wanted in enumerate(text.mask):
            if wanted:
                ids = torch.tensor([text.ids])
                ids[0, i] = hidden
                log_probs = model(input_ids=ids).logits[0, i].log_softmax(-1)
                expected.append(log_probs[text.ids[i]].item())
    assert loss.item() == pytest.approx(sum(expected) / len(expected), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_batch_splitting_changes_nothing(tmp_path: Path, objective: str) -> None:
    # plain gradient descent: Adam would blow rounding up where a gradient is all but zero
    options = {"objective": objective, "optim": "sgd", "learning_rate": 0.1}
    whole = trainer(tmp_path, tiny_causal("gpt2"), **options)
    whole.train()
    split = trainer(
        tmp_path,
        tiny_causal("gpt2"),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        **options,
    )
    split.train()
    assert losses(split) == pytest.approx(losses(whole), abs=1e-5)
    assert torch.allclose(join_weights(whole.model), join_weights(split.model), atol=1e-6)


def test_ascent_lowers_the_targets(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_causal("llama"), objective="ascent", learning_rate=1e-3)
    run.train()
    forget = [row["forget"] for row in run.state.log_history if "forget" in row]
    assert forget[0] > forget[1] > forget[2]


def test_counterfactual_kl_nears_its_minimum(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_causal("llama"), objective="counterfactual-kl", max_steps=40)
    run.train()
    forget = [row["forget"] for row in run.state.log_history if "forget" in row]
    assert 0 < forget[-1] < 0.5 * forget[0]


def test_reference_stays_as_it_was(tmp_path: Path) -> None:
    model = tiny_causal("gpt2")
    before = join_weights(model)
    run = trainer(tmp_path, model)
    run.train()
    assert torch.equal(join_weights(run.losses.ref_model), before)
    assert not torch.equal(join_weights(model), before)


@pytest.mark.parametrize("objective", ["npo", "simnpo"])
def test_constants_reach_the_loss(tmp_path: Path, objective: str) -> None:
    options = {"objective": objective, "retain_loss": "none"}
    found = []
    for beta in (None, OBJECTIVES[objective].beta, 0.5):
        run = trainer(tmp_path, tiny_causal("gpt2").eval(), beta=beta, **options)
        samples = [run.train_dataset[i] for i in range(8)]
        found.append(loss_of(run, samples).item())
    assert found[0] == found[1] != found[2]


def test_notes_are_logged_and_leave_the_losses_alone(tmp_path: Path) -> None:
    logged = []

    class Tell(TrainerCallback):
        def on_step_end(self, *_, **__) -> None:
            run.note({"width": 1.5})

        def on_log(self, *_, logs, **__) -> None:
            logged.append(dict(logs))

    run = trainer(tmp_path, tiny_causal("gpt2"), callbacks=[Tell()], max_steps=2)
    run.train()
    assert [row for row in run.state.log_history if "width" in row] == [
        {"step": 1, "width": 1.5},
        {"step": 2, "width": 1.5},
    ]
    assert len(losses(run)) == 2
    assert logged.count({"width": 1.5}) == 2


def test_dropout_and_forward_are_put_back(tmp_path: Path) -> None:
    model = tiny_causal("gpt2")
    dropouts = [m for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    for module in dropouts:
        module.p = 0.1
    seen = []

    class Look(TrainerCallback):
        def on_step_end(self, *_, **__) -> None:
            seen.extend(module.p for module in dropouts)

    trainer(tmp_path, model, callbacks=[Look()]).train()
    assert seen
    assert set(seen) == {0.0}
    assert {module.p for module in dropouts} == {0.1}
    assert "forward" not in vars(model)


def test_a_second_run_on_a_model_has_its_own_precision(tmp_path: Path) -> None:
    """What accelerate once prepared it would else leave as it is, without autocast."""
    model = tiny_causal("llama")
    found = []
    for number in range(2):
        run = trainer(tmp_path / str(number), model, bf16=True)
        seen: list[torch.dtype] = []
        hook = model.lm_head.register_forward_hook(lambda _, __, out, to=seen: to.append(out.dtype))
        run.train()
        hook.remove()
        found.append(set(seen))
    assert found[0] == found[1]
    assert torch.bfloat16 in found[0]


def noisy(family: str):
    """A model that drops numbers and layers, under whatever name its family has for it."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    gqa = {"num_key_value_heads": 2, "intermediate_size": 32}
    return {
        "gpt2": lambda: hf.GPT2LMHeadModel(
            hf.GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=1, n_head=2, resid_pdrop=0.5)
        ),
        "opt": lambda: hf.OPTForCausalLM(
            hf.OPTConfig(**sizes, ffn_dim=32, word_embed_proj_dim=16, layerdrop=0.5, dropout=0.5)
        ),
        "starcoder2": lambda: hf.Starcoder2ForCausalLM(
            hf.Starcoder2Config(**sizes, **gqa, residual_dropout=0.5, embedding_dropout=0.5)
        ),
        "bloom": lambda: hf.BloomForCausalLM(
            hf.BloomConfig(
                vocab_size=VOCABULARY, hidden_size=16, n_layer=1, n_head=2, hidden_dropout=0.5
            )
        ),
        "falcon": lambda: hf.FalconForCausalLM(
            hf.FalconConfig(**sizes, hidden_dropout=0.5, attention_dropout=0.5, alibi=False)
        ),
        "seed_oss": lambda: hf.SeedOssForCausalLM(
            hf.SeedOssConfig(**sizes, **gqa, head_dim=8, residual_dropout=0.5)
        ),
    }[family]()


@pytest.mark.parametrize("family", ["gpt2", "opt", "starcoder2", "bloom", "falcon", "seed_oss"])
def test_no_family_drops_anything(family: str) -> None:
    torch.manual_seed(0)
    model = noisy(family).train()
    ids = torch.randint(1, VOCABULARY, (2, 12))

    def logits() -> list[torch.Tensor]:
        return [model(input_ids=ids).logits for _ in range(4)]

    with torch.no_grad():
        first, *others = logits()
        assert not all(torch.equal(first, other) for other in others)  # there is noise
        with disable_dropout(model):
            first, *others = logits()
            assert all(torch.equal(first, other) for other in others)
        first, *others = logits()
        assert not all(torch.equal(first, other) for other in others)  # as it was


def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", tiny_causal("gpt2"), max_steps=6)
    whole.train()

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **_) -> None:
            if state.global_step == 4:
                raise KeyboardInterrupt

    options = {"max_steps": 6, "save_strategy": "steps", "save_steps": 3}
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "cut", tiny_causal("gpt2"), callbacks=[Kill()], **options).train()
    again = trainer(tmp_path / "cut", tiny_causal("gpt2"), **options)
    again.train(resume_from_checkpoint=True)

    assert torch.equal(join_weights(again.model), join_weights(whole.model))
    assert losses(again) == losses(whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "forgetting"}, "objective 'forgetting' is unknown"),
        ({"retain_loss": "maybe"}, "retain_loss 'maybe' is unknown"),
        ({"max_steps": 0}, r"max_steps \(--steps\) is 0"),
        ({"per_device_train_batch_size": 0}, r"\(--batch_size\) is 0"),
        ({"fp16": True}, "use bf16"),
        ({"lora_rank": 4, "lora_alpha": 0}, "lora_alpha is 0"),
        ({"report_to": "a diary"}, "report_to 'a diary' is unknown; choose from .*tensorboard"),
        ({"report_to": ["clearml"]}, "report_to 'clearml' needs a package that is not installed"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"retain_per_forget": 0}, "disables retain_loss 'kl'"),
        ({"num_train_epochs": 1}, "num_train_epochs has no effect; set max_steps"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor has no effect"),
        (
            {"lora_rank": 4, "neftune_noise_alpha": 5.0},
            "neftune_noise_alpha would add noise to it too",
        ),
    ],
)
def test_wrong_settings(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trainer(tmp_path, tiny_causal("gpt2"), **options)


def test_the_model_in_training_is_not_its_own_reference(tmp_path: Path) -> None:
    model = tiny_causal("gpt2")
    with pytest.raises(InputError, match="ref_model is the model in training"):
        trainer(tmp_path, model, ref_model=model)


def test_the_launchers_precision_counts(tmp_path: Path, monkeypatch) -> None:
    """`accelerate launch --mixed_precision` says it in the environment."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with pytest.raises(InputError, match="use bf16"):
        UnlearningConfig(str(tmp_path), use_cpu=True)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert (
        describe_method(UnlearningConfig(str(tmp_path), use_cpu=True))["mixed_precision"] == "bf16"
    )
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION")
    assert "mixed_precision" not in describe_method(UnlearningConfig(str(tmp_path), use_cpu=True))


@pytest.mark.parametrize(("steps", "warm_up"), [(1, 0), (4, 1), (20, 5), (120, 5)])
def test_a_short_run_warms_up_shortly(tmp_path: Path, steps: int, warm_up: int) -> None:
    assert UnlearningConfig(str(tmp_path), max_steps=steps, use_cpu=True).warmup_steps == warm_up
    assert UnlearningConfig(str(tmp_path), warmup_steps=2, use_cpu=True).warmup_steps == 2


def test_counterfactual_objectives_need_counterfactual_texts(tmp_path: Path) -> None:
    without = [replace(text, counterfactuals=()) for text in corpus()]
    with pytest.raises(InputError, match="a forget text has none"):
        trainer(tmp_path, tiny_causal("gpt2"), forget=without, objective="counterfactual-kl")


def test_nothing_to_forget(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text with target tokens"):
        trainer(tmp_path, tiny_causal("gpt2"), forget=[])
