"""The trainer: what a step minimises, and what must not change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from fairforget.batches import Sample
from fairforget.errors import InputError
from fairforget.objectives import OBJECTIVES, RETENTIONS
from fairforget.targets import Targets
from fairforget.trainer import UnlearningConfig, UnlearningTrainer

from .models import CAUSAL, MASKED, tiny, tiny_causal, word_tokenizer

VOCABULARY = 60


def corpus(count: int = 8) -> list[Targets]:
    """Forget texts of different lengths, with neutral texts of yet others."""
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
                (0, *ids(1 + i % 3), *end),
                (False,) * (2 + i % 3) + (True, i % 2 == 0, True),
            )
        )
    return texts


RETAIN = [[0, 3, 1, 4, 1, 5, 9, 2, 6], [0, 5, 3], [0, 8, 9, 7, 9, 3, 2], [0, 3, 8, 4, 6]]


def trainer(tmp_path: Path, model, *, forget: Sequence[Targets] | None = None, **options):
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
        model, config, corpus() if forget is None else forget, RETAIN, callbacks=callbacks
    )


def losses(run: UnlearningTrainer) -> list[float]:
    return [row["loss"] for row in run.state.log_history if "loss" in row]


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def naive_loss(model, reference, objective: str, retention: str, samples) -> float:
    """Every text by itself, full logits."""

    def log_probs(net, ids):
        return net(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)

    sums, counts = [0.0, 0.0], [0, 0]
    for sample in samples:
        text = sample.forget
        mask = torch.tensor(text.mask[1:])
        mine = log_probs(model, text.ids)[mask]
        theirs = None
        if OBJECTIVES[objective].reference == "neutral text":
            other = torch.tensor(text.neutral_mask[1:])
            theirs = log_probs(reference, text.neutral_ids)[other]
        elif OBJECTIVES[objective].reference == "same text":
            theirs = log_probs(reference, text.ids)[mask]
        tokens = torch.tensor(text.ids[1:])[mask]
        sums[0] += OBJECTIVES[objective].loss(mine, tokens, theirs).sum().item()
        counts[0] += len(tokens)
        for ids in sample.retain:
            tokens = torch.tensor(ids[1:])
            loss = RETENTIONS[retention].loss(
                log_probs(model, ids), tokens, log_probs(reference, ids)
            )
            sums[1] += loss.sum().item()
            counts[1] += len(tokens)
    return sums[0] / counts[0] + 0.5 * sums[1] / counts[1]


@pytest.mark.parametrize("family", CAUSAL)
@pytest.mark.parametrize("objective", OBJECTIVES)
@torch.no_grad()
def test_loss_is_the_one_of_single_texts(tmp_path: Path, family: str, objective: str) -> None:
    model, reference = tiny_causal(family, seed=0), tiny_causal(family, seed=1).eval()
    run = trainer(tmp_path, model.eval(), objective=objective, retention="kl")
    run.reference = reference
    run.config.retention_weight = 0.5
    samples = [run.train_dataset[i] for i in range(8)]
    expected = naive_loss(model, reference, objective, "kl", samples)
    for trees in (True, False):
        object.__setattr__(run.data_collator, "trees", trees)
        batch = run.data_collator(samples)
        _, counts = run.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
        with run._losses_as_forward(model):
            loss = run.compute_loss(model, batch, num_items_in_batch=counts)
        assert loss.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("family", MASKED)
@torch.no_grad()
def test_masked_models_predict_each_target_from_both_sides(tmp_path: Path, family: str) -> None:
    """Ascent on exactly log P(x_i | X \\ x_i): one copy of the text per target, hidden in it."""
    model, tokenizer = tiny(family), word_tokenizer()
    hidden = tokenizer.mask_token_id
    texts = [Targets((*t.ids, 1), (*t.mask, False)) for t in corpus()]
    config = UnlearningConfig(
        str(tmp_path), objective="ascent", retention="none", use_cpu=True, disable_tqdm=True
    )
    run = UnlearningTrainer(model, config, texts, processing_class=tokenizer)
    batch = run.data_collator([Sample(t, ()) for t in texts])
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
    assert torch.allclose(weights(whole.model), weights(split.model), atol=1e-6)


def test_ascent_lowers_the_targets(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_causal("llama"), objective="ascent", learning_rate=1e-3)
    run.train()
    forget = [row["forget"] for row in run.state.log_history if "forget" in row]
    assert forget[0] > forget[1] > forget[2]


def test_neutral_nears_its_floor(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_causal("llama"), objective="neutral", max_steps=40)
    run.train()
    forget = [row["forget"] for row in run.state.log_history if "forget" in row]
    assert 0 < forget[-1] < 0.5 * forget[0]


def test_reference_stays_as_it_was(tmp_path: Path) -> None:
    model = tiny_causal("gpt2")
    before = weights(model)
    run = trainer(tmp_path, model)
    run.train()
    assert torch.equal(weights(run.reference), before)
    assert not torch.equal(weights(model), before)


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


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
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

    assert torch.equal(weights(again.model), weights(whole.model))
    assert losses(again) == losses(whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "forgetting"}, "objective 'forgetting' is unknown"),
        ({"retention": "maybe"}, "retention 'maybe' is unknown"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_wrong_settings(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trainer(tmp_path, tiny_causal("gpt2"), **options)


def test_nothing_to_forget(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text with target tokens"):
        trainer(tmp_path, tiny_causal("gpt2"), forget=[])
