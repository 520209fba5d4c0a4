"""The guard on harmful words: its texts, its measure, and runs that it stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fairforget.budget import HARM_TOLERANCE, Budget
from fairforget.corpora.builtin import DOMAINS, builtin_texts
from fairforget.corpora.corpus import Corpus
from fairforget.objectives.objective import as_objective
from fairforget.records.records import LIMITED_BY_GUARD
from fairforget.report.facts import bounds_tables
from fairforget.report.terminal import show_unlearning
from fairforget.scoring.marked import marked_log_probs
from fairforget.training import harmful_words
from fairforget.training.config import UnlearningConfig
from fairforget.training.harmful_words import TEXTS, measure_harmful_words
from fairforget.training.original import Original

from .models import tiny_model
from .run_unlearning import unlearn
from .test_unlearning import EVERYDAY, FORGET, RETAIN

pytestmark = pytest.mark.slow
MARKED = [((0, 5, 9, 13, 17), (False, False, True, False, True)), ((0, 7, 3), (False, True, False))]


def test_marked_tokens_of_a_causal_model_are_predicted_from_the_left() -> None:
    language_model = tiny_model("llama")
    values = marked_log_probs(language_model, MARKED)
    with torch.no_grad():
        for (ids, mask), found in zip(MARKED, values, strict=True):
            log_probs = language_model.model(torch.tensor([ids])).logits[0].log_softmax(-1)
            expected = [log_probs[i - 1, ids[i]].item() for i, marked in enumerate(mask) if marked]
            assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_marked_tokens_of_a_masked_model_are_predicted_from_all_others() -> None:
    language_model = tiny_model("bert")
    mask_id = language_model.tokenizer.mask_token_id
    values = marked_log_probs(language_model, MARKED)
    assert [len(found) for found in values] == [2, 1]
    with torch.no_grad():
        for (ids, mask), found in zip(MARKED, values, strict=True):
            for i, value in zip([i for i, m in enumerate(mask) if m], found, strict=True):
                shown = torch.tensor([[*ids[:i], mask_id, *ids[i + 1 :]]])
                logits = language_model.model(shown).logits[0, i]
                assert value == pytest.approx(logits.log_softmax(-1)[ids[i]].item(), abs=1e-4)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_the_texts_are_of_all_domains_and_none_is_trained_on(family: str) -> None:
    language_model = tiny_model(family)
    words = measure_harmful_words(language_model)
    assert words
    assert len(words.with_group) == len(words.with_neutral) == TEXTS
    assert words.rise(language_model) == 0
    texts = harmful_words._held_out_texts()
    assert {text.domain for text in texts[:TEXTS]} == set(DOMAINS)
    assert not {text.text for text in texts} & {text.text for text in builtin_texts()}
    for (ids, mask), (other, aligned) in zip(words.with_group, words.with_neutral, strict=True):
        marked = [token for token, is_marked in zip(ids, mask, strict=True) if is_marked]
        assert marked == [
            token for token, is_marked in zip(other, aligned, strict=True) if is_marked
        ]
        assert ids != other


def test_a_context_too_short_for_a_harmful_word_is_not_guarded() -> None:
    language_model = tiny_model("llama")
    language_model.tokenizer.model_max_length, usual = 3, language_model.tokenizer.model_max_length
    try:
        assert measure_harmful_words(language_model) is None
    finally:
        language_model.tokenizer.model_max_length = usual


def likelihood(log_probs: Tensor, targets: Tensor) -> Tensor:
    """A bad objective: make the harmful words likelier."""
    return -log_probs.gather(1, targets[:, None])[:, 0]


def run(tmp_path: Path, budget: Budget, **options):
    language_model = tiny_model("llama")
    original = {n: p.detach().clone() for n, p in language_model.model.named_parameters()}
    known = Original()
    config = UnlearningConfig(
        output_dir=str(tmp_path / "checkpoints"),
        max_steps=8,
        per_device_train_batch_size=4,
        learning_rate=3e-3,
        warmup_steps=0,
        save_strategy="no",
        use_cpu=True,
        **options,
    )
    record = unlearn(
        language_model, FORGET, RETAIN, config, budget=budget, everyday=EVERYDAY, known=known
    )
    weights = dict(language_model.model.named_parameters())
    unchanged = all(torch.equal(p, original[n]) for n, p in weights.items())
    return language_model, record, known, unchanged


WIDE = Budget(9.0, 9.0, max_alpha=1.0, movement=None)


def test_a_run_that_makes_harmful_words_likelier_is_stopped(tmp_path: Path) -> None:
    """Far within the other budgets, which alone would let it be."""
    let = replace(WIDE, harmful_log_prob=None)
    _, record, _, unchanged = run(
        tmp_path / "let", let, objective=as_objective(likelihood), retain_loss="none"
    )
    assert record.budget.alpha == 1
    assert not unchanged
    assert record.budget.harmful_words is None
    model, record, known, unchanged = run(
        tmp_path / "guarded", WIDE, objective=as_objective(likelihood), retain_loss="none"
    )
    words = record.budget.harmful_words
    assert words
    assert known.harmful_words
    assert words.change == known.harmful_words.rise(model) <= HARM_TOLERANCE
    assert "the guard on harmful words" in record.budget.note
    assert record.budget.alpha < 0.1
    assert unchanged == (record.budget.alpha == 0)


def test_a_run_that_makes_them_less_likely_is_not(tmp_path: Path, capsys) -> None:
    model, record, known, _ = run(tmp_path, WIDE, objective="ascent")
    words = record.budget.harmful_words
    assert words
    assert known.harmful_words
    assert record.budget.alpha == 1
    assert LIMITED_BY_GUARD not in record.budget.note
    assert words.change < 0
    assert words.after == words.before + words.change
    assert (words.before, words.asked, words.texts) == (known.harmful_words.before, 0.0, TEXTS)
    neutral = sum(
        values.mean() for values in marked_log_probs(model, known.harmful_words.with_neutral)
    )
    assert words.added_after == pytest.approx(words.after - neutral / TEXTS, abs=1e-5)
    show_unlearning(record)
    assert "Log p of harmful words after groups" in capsys.readouterr().out
    assert [len(table.rows) for table in bounds_tables(record.budget)] == [2, 2]


@pytest.mark.parametrize("everyday", [EVERYDAY, None])
def test_the_movement_is_bounded_on_each_kind_of_text(tmp_path: Path, everyday) -> None:
    language_model = tiny_model("llama")
    config = UnlearningConfig(
        output_dir=str(tmp_path), max_steps=8, learning_rate=3e-3, save_strategy="no", use_cpu=True
    )
    budget = Budget(9.0, 9.0, movement=0.001, harmful_log_prob=None)
    known = Original()
    record = unlearn(
        language_model, FORGET, RETAIN, config, budget=budget, everyday=everyday, known=known
    ).budget
    assert known.states
    assert list(record.movements) == (["retain", "everyday"] if everyday else ["retain"])
    for kind, facts in record.movements.items():
        assert facts.reached == known.states.measure(language_model.model, kind).divergence
        assert facts.asked == 0.001
    assert 0.0009 * (1 - 1e-6) <= max(f.reached for f in record.movements.values()) <= 0.001
    assert record.movement == known.states.divergence(language_model.model)


def test_a_movement_that_cannot_be_measured_is_noted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fairforget.training.limits.record_original", lambda *_: None)
    budget = Budget(9.0, 9.0, harmful_log_prob=None)
    _, record, _, _ = run(tmp_path, budget, objective="ascent")
    assert "the movement is not bounded" in record.budget.note
    assert (record.budget.movement, record.budget.movements) == (None, {})


def test_a_control_at_equal_movement_is_not_guarded(tmp_path: Path) -> None:
    config = UnlearningConfig(
        output_dir=str(tmp_path),
        objective=as_objective(likelihood),
        max_steps=8,
        learning_rate=3e-3,
        save_strategy="no",
        use_cpu=True,
    )
    forget = Corpus("builtin", builtin_texts(limit=40))
    record = unlearn(
        tiny_model("llama"), forget, RETAIN, config, everyday=EVERYDAY, movement=0.001
    ).budget
    assert record.movement == pytest.approx(0.001, rel=0.03)
    assert record.movements["retain"].asked is None
    assert record.harmful_words
    assert record.harmful_words.change > HARM_TOLERANCE
