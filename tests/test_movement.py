"""Movement: the mean KL divergence from the original model, and interpolation to one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget_search import PerplexityConstraint
from fairforget.training.config import UnlearningConfig
from fairforget.training.interpolation import MOVEMENT_SHARE, NOT_USED_UP, interpolate_to_movement
from fairforget.training.movement import OriginalStates, record_original

from .models import tiny_model
from .run_unlearning import unlearn

SEQUENCES = [[1, 5, 9, 13, 17, 21], [1, 6, 11], [1, 2, 3, 4, 5, 6, 7, 8], [1, 4]]


def record(language_model: LanguageModel) -> OriginalStates:
    states = record_original(language_model, {"retain": SEQUENCES})
    assert states
    return states


def perturb(model: torch.nn.Module, scale: float) -> dict[str, torch.Tensor]:
    original = {name: p.detach().clone() for name, p in model.named_parameters()}
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p), alpha=scale)
    return original


def moved_model() -> tuple[PreTrainedModel, OriginalStates, dict[str, torch.Tensor]]:
    """A model with changed weights, its original's states, and the original weights."""
    language_model = tiny_model("llama")
    states = record(language_model)
    return language_model.model, states, perturb(language_model.model, 0.05)


@torch.no_grad()
def log_probs(model: torch.nn.Module) -> torch.Tensor:
    parts = [model(torch.tensor([ids])).logits[0, :-1] for ids in SEQUENCES]
    return torch.cat(parts).double().log_softmax(-1)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_movement_is_the_mean_divergence_per_token(architecture: str) -> None:
    language_model = tiny_model(architecture)
    model = language_model.model.eval()
    states, before = record(language_model), log_probs(model)
    assert states.divergence(model) == pytest.approx(0, abs=1e-6)
    perturb(model, 0.1)  # the head as well
    after = log_probs(model)
    expected = (before.exp() * (before - after)).sum(-1).mean().item()
    assert expected > 0.01
    assert states.divergence(model) == pytest.approx(expected, rel=1e-4)


def test_a_masked_model_moves_too() -> None:
    language_model = tiny_model("bert")
    assert language_model.kind == "masked"
    model, states = language_model.model, record(language_model)
    assert states.divergence(model) == pytest.approx(0, abs=1e-6)
    perturb(model, 0.1)
    assert states.divergence(model) > 0.001


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "bert", "mobilebert"])
def test_the_same_pass_gives_the_perplexity(architecture: str) -> None:
    language_model = tiny_model(architecture)
    states = record(language_model)
    perturb(language_model.model, 0.1)
    moved = states.measure(language_model.model, "retain")
    assert moved.perplexity == pytest.approx(perplexity(language_model, SEQUENCES), rel=1e-5)


def test_the_divergence_of_all_kinds_weights_them_by_their_tokens() -> None:
    language_model = tiny_model("llama")
    both = record_original(language_model, {"long": SEQUENCES[:3], "short": SEQUENCES[3:]})
    whole = record(language_model)
    assert both
    perturb(language_model.model, 0.1)
    model = language_model.model
    assert both.divergence(model) == pytest.approx(whole.divergence(model), rel=1e-5)


def test_measuring_changes_neither_mode_nor_gradients() -> None:
    language_model = tiny_model("llama")
    model = language_model.model.train()
    states = record(language_model)
    states.divergence(model)
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0, 2.0])
def test_interpolation_reaches_a_movement_whatever_the_perplexity(share: float) -> None:
    model, states, original = moved_model()
    target = share * states.divergence(model)
    values = iter([30.0, 60.0])
    facts = interpolate_to_movement(
        model,
        original,
        {"perplexity": PerplexityConstraint(lambda: next(values), 1.03)},
        lambda: states.divergence(model),
        target,
        trained={"perplexity": 1.5},
        max_alpha=3.0,
    )
    assert facts.movement is not None
    assert (1 - MOVEMENT_SHARE) * target <= facts.movement <= target
    assert states.divergence(model) == pytest.approx(facts.movement, rel=1e-5)
    assert (facts.reached, facts.before, facts.trained) == (2.0, 30.0, 1.5)
    assert (facts.asked, facts.movement_asked, facts.note) == (1.03, target, "")


def test_a_movement_out_of_reach_is_noted() -> None:
    model, states, original = moved_model()
    facts = interpolate_to_movement(
        model,
        original,
        {"perplexity": PerplexityConstraint(lambda: 30.0, 1.03)},
        lambda: states.divergence(model),
        9 * states.divergence(model),
        trained={"perplexity": 1.0},
        before={"perplexity": 20.0},
        max_alpha=1.5,
    )
    assert (facts.alpha, facts.reached, facts.note) == (1.5, 1.5, NOT_USED_UP)


def test_a_run_that_did_not_move_leaves_its_control_where_it_was() -> None:
    model, states, original = moved_model()
    facts = interpolate_to_movement(
        model,
        original,
        {"perplexity": PerplexityConstraint(lambda: 30.0, 1.03)},
        lambda: states.divergence(model),
        0.0,
        trained={"perplexity": math.nan},
    )
    assert (facts.alpha, facts.movement) == (0.0, 0.0)
    assert all(torch.equal(p, original[name]) for name, p in model.named_parameters())


def test_a_movement_that_cannot_be_measured_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("fairforget.training.limits.record_original", lambda *_: None)
    language_model = tiny_model("llama")
    original = {name: p.detach().clone() for name, p in language_model.model.named_parameters()}
    texts = [Text(str(n), f"The river number {n} has a bridge.") for n in range(200)]
    with pytest.raises(InputError, match=r"movement of this model cannot be measured.*--match"):
        unlearn(
            language_model,
            Corpus("gender", builtin_texts("gender", limit=8)),
            Corpus("rivers", texts),
            UnlearningConfig(output_dir=str(tmp_path / "checkpoints"), max_steps=1, use_cpu=True),
            movement=0.01,
        )
    parameters = dict(language_model.model.named_parameters())
    assert all(torch.equal(p, original[name]) for name, p in parameters.items())
