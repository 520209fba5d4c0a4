"""Interpolation to the budget: equal utility loss; α = 0 is the original model, bit for bit."""

from __future__ import annotations

import math

import pytest
import torch

from fairforget.budget import Budget
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget_search import PerplexityConstraint
from fairforget.training.interpolation import interpolate_to_budget, original_perplexities
from fairforget.training.line_search import TOLERANCE, LineSearch
from fairforget.training.weights import negate_update, negated_update

from .models import copy_weights, tiny_causal, word_tokenizer

SEQUENCES = [[1, 5, 9, 13, 17, 21], [1, 6, 11, 16], [1, 2, 3, 4, 5, 6, 7, 8]]


def perturb(model: torch.nn.Module, scale: float) -> dict[str, torch.Tensor]:
    """Add noise to the weights, always the same; return the original ones."""
    original = copy_weights(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p), alpha=scale)
    return original


def restore(model: torch.nn.Module, original: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(original[name])


def measure(model, sequences=SEQUENCES):
    language_model = LanguageModel(model, word_tokenizer(), "tiny", "causal", "<|endoftext|>")
    return lambda: perplexity(language_model, sequences)


@pytest.mark.parametrize("scale", [0.05, 0.3, 3.0])
@pytest.mark.parametrize("allowed", [1.02, 1.3])
@pytest.mark.parametrize("max_alpha", [1.0, 3.0])
def test_result_is_within_the_budget(scale: float, allowed: float, max_alpha: float) -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, scale)

    facts, _ = interpolate_to_budget(
        model,
        original,
        {"perplexity": PerplexityConstraint(measure(model), allowed)},
        max_alpha=max_alpha,
    )

    assert facts.reached <= allowed
    assert 0 <= facts.alpha <= max_alpha
    reached = measure(model)() / facts.before
    assert reached == pytest.approx(facts.reached, rel=1e-5)
    if facts.note:
        assert facts.reached < allowed * (1 - TOLERANCE)
    else:
        assert facts.reached >= allowed * (1 - TOLERANCE)


def test_the_tightest_budget_decides() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.3)
    constraints = {
        "perplexity": PerplexityConstraint(measure(model, SEQUENCES[:1]), 1.5),
        "everyday": PerplexityConstraint(measure(model, SEQUENCES[2:]), 1.01),
    }
    facts, _ = interpolate_to_budget(model, original, constraints)
    assert facts.reached <= 1.5
    assert facts.others["everyday"].reached <= 1.01
    assert facts.others["everyday"].asked == 1.01


def test_no_allowance_restores_the_original_bit_for_bit() -> None:
    model = tiny_causal("llama")
    original = perturb(model, 0.5)

    values = iter([10.0] + [11.0] * 50)
    facts, _ = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.0)}
    )

    assert facts.alpha == 0
    for name, p in model.named_parameters():
        assert torch.equal(p, original[name])


def test_a_perplexity_that_is_not_finite_exceeds_the_budget() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.1)
    values = iter([10.0, math.nan] + [math.inf] * 50)
    facts, _ = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.5)}
    )
    assert facts.alpha == 0


def test_negation_is_the_same_distance_the_other_way() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.1)
    trained = copy_weights(model)
    negate_update(model, original)
    for name, p in model.named_parameters():
        assert torch.allclose(p - original[name], original[name] - trained[name], atol=1e-6)


def test_temporary_negation_changes_nothing() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.1)
    trained = copy_weights(model)
    with negated_update(model, original):
        negated = copy_weights(model)
    assert all(torch.equal(p, trained[n]) for n, p in model.named_parameters())
    negate_update(model, original)
    assert all(torch.equal(p, negated[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("others", [{}, {"everyday": PerplexityConstraint(lambda: 7.0, 1.1)}])
@pytest.mark.parametrize("rough", [False, True])
def test_a_budget_of_exactly_1_allows_an_update_without_utility_loss(others, rough: bool) -> None:
    """An update that first lowers the perplexity and later raises it fits up to α = 1/3."""
    model = tiny_causal("gpt2")
    original = copy_weights(model)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)

    def current_perplexity() -> float:
        alpha = (model.lm_head.weight - original["transformer.wte.weight"]).mean().item()
        return 20 * (1 - 0.02 * alpha + 0.06 * alpha**2)

    constraints = {"perplexity": PerplexityConstraint(current_perplexity, 1.0), **others}
    facts, _ = interpolate_to_budget(
        model, original, constraints, rough=constraints if rough else None
    )
    assert 0.3 < facts.alpha <= 1 / 3
    assert 1 - TOLERANCE / 10 <= facts.reached <= 1
    assert not facts.note


def test_the_note_does_not_claim_that_no_solution_exists() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.5)
    values = iter([10.0] + [11.0] * 50)
    measurements: list[None] = []
    facts, _ = interpolate_to_budget(
        model,
        original,
        {"perplexity": PerplexityConstraint(lambda: next(values), 1.0)},
        progress=lambda: measurements.append(None),
    )
    assert "no part of the update" in facts.note
    assert len(measurements) == 6  # α = 0, α = 1, and four values in between


@pytest.mark.parametrize(
    "options",
    [
        {"perplexity": 0.99},
        {"everyday_perplexity": 0},
        {"max_alpha": 0.5},
        {"perplexity": None},
        {"max_alpha": None},
        {"movement": 0},
        {"movement": "small"},
        {"harmful_log_prob": -0.1},
        {"harmful_log_prob": math.nan},
    ],
)
def test_invalid_budgets_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="must be"):
        Budget(**options)


def test_a_rough_search_saves_full_measurements() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.3)
    measurements: list[str] = []

    def counting(name, sequences):
        current_perplexity = measure(model, sequences)
        return PerplexityConstraint(
            lambda: (measurements.append(name), current_perplexity())[1], 1.05
        )

    full = {"perplexity": counting("full", SEQUENCES)}
    unguided, _ = interpolate_to_budget(model, original, full)
    without_rough = measurements.count("full")
    restore(model, original)
    perturb(model, 0.3)
    measurements.clear()
    guided, _ = interpolate_to_budget(
        model, original, full, rough={"perplexity": counting("rough", SEQUENCES)}
    )
    assert measurements.count("full") == 2  # the original model, and the result
    assert measurements.count("full") < without_rough
    assert guided.reached == pytest.approx(unguided.reached, abs=0.006)


@pytest.mark.parametrize("power", [0.8, 1.0, 1.5, 2.0])
def test_few_full_measurements_for_any_growth_of_the_loss(power: float) -> None:
    model = tiny_causal("gpt2")
    original = copy_weights(model)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)  # α can be read off this weight
    measurements = 0

    def constraint(scale: float, *, full: bool) -> PerplexityConstraint:
        def current_perplexity() -> float:
            nonlocal measurements
            measurements += full
            alpha = (model.lm_head.weight - original["transformer.wte.weight"]).mean().item()
            return 20 * math.exp(scale * max(alpha, 0.0) ** power)

        return PerplexityConstraint(current_perplexity, 1.03)

    facts, _ = interpolate_to_budget(
        model,
        original,
        {"perplexity": constraint(0.15, full=True)},
        rough={"perplexity": constraint(0.2, full=False)},  # the loss on few texts is larger
    )
    assert 1.03 * (1 - TOLERANCE) <= facts.reached <= 1.03
    assert measurements <= 4


def test_known_perplexities_of_the_original_are_not_measured_again() -> None:
    model = tiny_causal("gpt2")
    original = perturb(model, 0.3)
    constraints = {
        "perplexity": PerplexityConstraint(measure(model), 1.05),
        "everyday": PerplexityConstraint(lambda: 7.0, math.inf),
    }
    first, _ = interpolate_to_budget(model, original, constraints)
    restore(model, original)
    perturb(model, 0.3)
    distances: list[float] = []
    second, _ = interpolate_to_budget(
        model,
        original,
        constraints,
        before=original_perplexities(first),
        progress=lambda: distances.append(distance(model, original)),
    )
    assert second == first
    assert 0 not in distances


def distance(model: torch.nn.Module, original: dict[str, torch.Tensor]) -> float:
    return sum((p - original[n]).abs().sum().item() for n, p in model.named_parameters())


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("scale", [0.002, 0.1, 5.0])
def test_line_search_uses_up_the_tightest_budget(exponent: float, scale: float) -> None:
    """Of two losses a · α^k, the one whose budget is reached first decides."""
    search = LineSearch(
        lambda alpha: {"a": 20 * math.exp(scale * alpha**exponent), "b": 7 * math.exp(alpha / 50)},
        {"a": 1.05, "b": 1.05},
        max_alpha=3.0,
    )
    search.evaluate(1.0)
    point = search.search()
    limits = [(math.log(1.05) / scale) ** (1 / exponent), 50 * math.log(1.05), 3.0]
    assert point.slack >= 0
    assert point.alpha <= min(limits) + 1e-9
    assert point.alpha == 3.0 or not search.has_slack(point)
