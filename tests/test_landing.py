"""Landing on the budget: equal damage, and the original back bit for bit at α = 0."""

from __future__ import annotations

import math

import pytest
import torch

from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget import Budget
from fairforget.training.interpolation import (
    TOLERANCE,
    PerplexityConstraint,
    interpolate_to_budget,
    negate_update,
    negated_update,
    original_perplexities,
)

from .models import tiny_causal, word_tokenizer

SEQUENCES = [[1, 5, 9, 13, 17, 21], [1, 6, 11, 16], [1, 2, 3, 4, 5, 6, 7, 8]]


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def moved(model: torch.nn.Module, scale: float) -> dict[str, torch.Tensor]:
    """Push the model's likelihood of SEQUENCES down; returns the original weights."""
    original = weights(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p), alpha=scale)
    return original


def measure(model, sequences=SEQUENCES):
    language_model = LanguageModel(model, word_tokenizer(), "tiny", "causal", "<|endoftext|>")
    return lambda: perplexity(language_model, sequences)


@pytest.mark.parametrize("scale", [0.05, 0.3, 3.0])
@pytest.mark.parametrize("asked", [1.02, 1.3])
@pytest.mark.parametrize("max_alpha", [1.0, 3.0])
def test_lands_inside_the_budget(scale: float, asked: float, max_alpha: float) -> None:
    model = tiny_causal("gpt2")
    original = moved(model, scale)

    facts = interpolate_to_budget(
        model,
        original,
        {"perplexity": PerplexityConstraint(measure(model), asked)},
        max_alpha=max_alpha,
    )

    assert facts.reached <= asked
    assert 0 <= facts.alpha <= max_alpha
    reached = measure(model)() / facts.before
    assert reached == pytest.approx(facts.reached, rel=1e-5)
    if facts.note:
        assert facts.reached < asked * (1 - TOLERANCE)
    else:
        assert facts.reached >= asked * (1 - TOLERANCE)


def test_the_tightest_budget_decides() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.3)
    damages = {
        "perplexity": PerplexityConstraint(measure(model, SEQUENCES[:1]), 1.5),
        "everyday": PerplexityConstraint(measure(model, SEQUENCES[2:]), 1.01),
    }
    facts = interpolate_to_budget(model, original, damages)
    assert facts.reached <= 1.5
    assert facts.others["everyday"].reached <= 1.01
    assert facts.others["everyday"].asked == 1.01


def test_no_allowance_gives_the_original_back_bit_for_bit() -> None:
    model = tiny_causal("llama")
    original = moved(model, 0.5)

    values = iter([10.0] + [11.0] * 50)
    facts = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.0)}
    )

    assert facts.alpha == 0
    for name, p in model.named_parameters():
        assert torch.equal(p, original[name])


def test_damage_that_is_not_finite_is_over_the_budget() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.1)
    values = iter([10.0, math.nan] + [math.inf] * 50)
    facts = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.5)}
    )
    assert facts.alpha == 0


def test_a_mirrored_model_is_as_far_the_other_way() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.1)
    trained = weights(model)
    negate_update(model, original)
    for name, p in model.named_parameters():
        assert torch.allclose(p - original[name], original[name] - trained[name], atol=1e-6)


def test_a_look_in_the_mirror_changes_nothing() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.1)
    trained = weights(model)
    with negated_update(model, original):
        shown = weights(model)
    assert all(torch.equal(p, trained[n]) for n, p in model.named_parameters())
    negate_update(model, original)
    assert all(torch.equal(p, shown[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("others", [{}, {"everyday": PerplexityConstraint(lambda: 7.0, 1.1)}])
@pytest.mark.parametrize("rough", [False, True])
def test_a_budget_of_exactly_1_takes_what_does_no_damage(others, rough: bool) -> None:
    """A change that helps at first and hurts later fits up to α = 1/3."""
    model = tiny_causal("gpt2")
    original = weights(model)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)

    def perplexity_now() -> float:
        alpha = (model.lm_head.weight - original["transformer.wte.weight"]).mean().item()
        return 20 * (1 - 0.02 * alpha + 0.06 * alpha**2)

    damages = {"perplexity": PerplexityConstraint(perplexity_now, 1.0), **others}
    facts = interpolate_to_budget(model, original, damages, rough=damages if rough else None)
    assert 0.3 < facts.alpha <= 1 / 3
    assert 1 - TOLERANCE / 10 <= facts.reached <= 1
    assert not facts.note


def test_nothing_found_is_not_said_to_be_nothing_there() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.5)
    values = iter([10.0] + [11.0] * 50)
    looks: list[None] = []
    facts = interpolate_to_budget(
        model,
        original,
        {"perplexity": PerplexityConstraint(lambda: next(values), 1.0)},
        progress=lambda: looks.append(None),
    )
    assert "was found" in facts.note
    assert len(looks) == 6  # the original, the whole change, four inner points


@pytest.mark.parametrize(
    "options",
    [
        {"perplexity": 0.99},
        {"everyday_perplexity": 0},
        {"max_alpha": 0.5},
        {"perplexity": None},
        {"max_alpha": None},
    ],
)
def test_budgets_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        Budget(**options)


def test_a_rough_look_saves_whole_ones() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.3)
    looks: list[str] = []

    def counted(name, sequences):
        perplexity_now = measure(model, sequences)
        return PerplexityConstraint(lambda: (looks.append(name), perplexity_now())[1], 1.05)

    whole = {"perplexity": counted("whole", SEQUENCES)}
    alone = interpolate_to_budget(model, original, whole)
    without = looks.count("whole")
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(original[name])
    moved(model, 0.3)
    looks.clear()
    guided = interpolate_to_budget(
        model, original, whole, rough={"perplexity": counted("rough", SEQUENCES)}
    )
    assert looks.count("whole") == 2  # of the original, of the place found
    assert looks.count("whole") < without
    assert guided.reached == pytest.approx(alone.reached, abs=0.006)


@pytest.mark.parametrize("power", [0.8, 1.0, 1.5, 2.0])
def test_few_whole_looks_whatever_the_growth_of_damage(power: float) -> None:
    model = tiny_causal("gpt2")
    original = weights(model)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)  # how far along the line the model is can be read off it
    looks = 0

    def damage(scale: float, *, whole: bool) -> PerplexityConstraint:
        def perplexity_now() -> float:
            nonlocal looks
            looks += whole
            moved_by = (model.lm_head.weight - original["transformer.wte.weight"]).mean().item()
            return 20 * math.exp(scale * max(moved_by, 0.0) ** power)

        return PerplexityConstraint(perplexity_now, 1.03)

    facts = interpolate_to_budget(
        model,
        original,
        {"perplexity": damage(0.15, whole=True)},
        rough={"perplexity": damage(0.2, whole=False)},  # the few texts are hurt more
    )
    assert 1.03 * (1 - TOLERANCE) <= facts.reached <= 1.03
    assert looks <= 4


def test_what_is_known_of_the_original_is_not_measured_again() -> None:
    model = tiny_causal("gpt2")
    original = moved(model, 0.3)
    damages = {
        "perplexity": PerplexityConstraint(measure(model), 1.05),
        "everyday": PerplexityConstraint(lambda: 7.0, math.inf),
    }
    first = interpolate_to_budget(model, original, damages)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(original[name])
    moved(model, 0.3)
    alphas: list[float] = []
    again = interpolate_to_budget(
        model,
        original,
        damages,
        before=original_perplexities(first),
        progress=lambda: alphas.append(distance(model, original)),
    )
    assert again == first
    assert 0 not in alphas


def distance(model: torch.nn.Module, original: dict[str, torch.Tensor]) -> float:
    return sum((p - original[n]).abs().sum().item() for n, p in model.named_parameters())
