"""The line search ends at the budget, in few measurements, whatever the utility loss looks like."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.errors import InputError
from fairforget.records.records import BudgetFacts, UtilityFacts
from fairforget.training.budget_search import PerplexityConstraint
from fairforget.training.interpolation import (
    NOT_USED_UP,
    NOTED,
    interpolate_to_budget,
    measure_after_rounding,
)
from fairforget.training.line_search import (
    BUDGET_SHARE,
    FREE_GUESSES,
    MAX_GROWTH,
    MAX_ITERATIONS,
    TOLERANCE,
)
from fairforget.training.weights import negate_update, negated_update

from .models import copy_weights

Nats = Callable[[float], float]
"""How much worse language modelling is at α: log perplexity there − log perplexity at 0."""
AT_ZERO = 20.0
"""Perplexity of the original model."""


def interpolate(
    allowed: dict[str, float],
    nats: dict[str, Nats],
    *,
    rough: dict[str, Nats] | None = None,
    **options,
) -> tuple[BudgetFacts, list[float]]:
    """Interpolate a model whose only weight is α; returns the facts and every α measured."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(model.weight)
    tried: list[float] = []

    def constraints(functions: dict[str, Nats]) -> dict[str, PerplexityConstraint]:
        def constraint(name: str) -> PerplexityConstraint:
            return PerplexityConstraint(
                lambda: AT_ZERO * math.exp(functions[name](model.weight.item())), allowed[name]
            )

        return {name: constraint(name) for name in allowed}

    facts, _ = interpolate_to_budget(
        model,
        {"weight": torch.zeros(1, 1, dtype=torch.float64)},
        constraints(nats),
        rough=constraints(rough) if rough else None,
        progress=lambda: tried.append(model.weight.item()),
        **options,
    )
    assert model.weight.item() == facts.alpha
    return facts, tried


def aimed_at(allowed: float) -> float:
    """Nats that the search aims at: the budget, less half of what may be left."""
    budget = math.log(allowed)
    return budget - min(TOLERANCE, budget / 10) / 2


BUDGETS = st.floats(1.005, 1.5)


def test_without_limits_the_result_is_as_far_as_allowed() -> None:
    facts, tried = interpolate(
        {"perplexity": math.inf}, {"perplexity": lambda a: 0.1 * a}, max_alpha=5.0
    )
    assert facts.alpha == 5.0
    assert all(map(math.isfinite, tried))


@given(BUDGETS, st.floats(1.05, 20))
def test_one_guess_suffices_where_the_loss_grows_as_expected(allowed: float, factor: float) -> None:
    """As α to the power of 1.5, the default where nothing is known."""
    steep = factor * math.log(allowed)
    facts, tried = interpolate({"perplexity": allowed}, {"perplexity": lambda a: steep * a**1.5})
    assert tried == [0, 1, facts.alpha]
    assert steep * facts.alpha**1.5 == pytest.approx(aimed_at(allowed))
    assert facts.reached == pytest.approx(math.exp(aimed_at(allowed)))
    assert (facts.asked, facts.note, facts.max_alpha) == (allowed, "", 1.0)
    assert facts.before == pytest.approx(AT_ZERO)
    assert facts.trained == pytest.approx(math.exp(steep))
    assert facts.others == {}


@given(BUDGETS, st.floats(1.0, 5.0), st.floats(0.01, 0.89))
def test_beyond_the_trained_weights_by_strides(
    allowed: float, max_alpha: float, used: float
) -> None:
    shallow = used * math.log(allowed)
    facts, tried = interpolate(
        {"perplexity": allowed}, {"perplexity": lambda a: shallow * a**1.5}, max_alpha=max_alpha
    )
    wanted = (aimed_at(allowed) / shallow) ** (1 / 1.5)
    at = 1.0
    for alpha in tried[2:]:
        assert alpha == pytest.approx(min(wanted, MAX_GROWTH * at, max_alpha))
        at = alpha
    assert facts.alpha == at <= max_alpha
    left = math.log(allowed) - shallow * facts.alpha**1.5
    tolerance = min(TOLERANCE, math.log(allowed) / 10)
    assert 0 < left <= tolerance or at == pytest.approx(max_alpha)
    assert facts.note == (NOT_USED_UP if left > tolerance else "")
    assert facts.max_alpha == max_alpha


@pytest.mark.parametrize(
    ("max_alpha", "expected"), [(1.0, [0, 1]), (1.25, [0, 1, 1.25]), (8.0, [0, 1, 2.5, 6.25, 8])]
)
@pytest.mark.parametrize("change", [0.0, -0.01])
def test_without_utility_loss_the_result_is_as_far_as_allowed(max_alpha, expected, change) -> None:
    facts, tried = interpolate(
        {"perplexity": 1.01}, {"perplexity": lambda a: change * a}, max_alpha=max_alpha
    )
    assert tried == expected
    assert facts.alpha == max_alpha
    assert facts.note == NOT_USED_UP


@given(BUDGETS, st.floats(0, 0.05), st.floats(1.5, 9))
def test_two_points_determine_a_parabola(allowed: float, linear: float, factor: float) -> None:
    """The guess after the first point inside the budget is exact: the loss is aα + bα²."""
    square = factor * math.log(allowed)

    def nats(alpha: float) -> float:
        return square * (linear * alpha + alpha**2)

    facts, tried = interpolate({"perplexity": allowed}, {"perplexity": nats})
    assert tried[:2] == [0, 1]
    guess = (aimed_at(allowed) / nats(1)) ** (1 / 1.5)
    assert tried[2] == pytest.approx(guess)
    if math.log(allowed) - nats(guess) <= min(TOLERANCE, math.log(allowed) / 10):
        assert len(tried) == 3
    else:
        assert len(tried) == 4
        assert nats(facts.alpha) == pytest.approx(aimed_at(allowed))


@given(st.permutations([0.4, 0.7, 2.0]), st.floats(1.01, 1.2))
def test_the_first_budget_that_is_used_up_decides(order: list[float], allowed: float) -> None:
    names = ("perplexity", "everyday", "third")
    steep = {
        name: factor * 3 * math.log(allowed) for name, factor in zip(names, order, strict=True)
    }
    facts, tried = interpolate(
        dict.fromkeys(names, allowed) | {"unlimited": math.inf},
        {n: lambda a, n=n: steep[n] * a**1.5 for n in names} | {"unlimited": lambda a: 9 * a},
    )
    assert len(tried) == 3
    assert max(steep.values()) * facts.alpha**1.5 == pytest.approx(aimed_at(allowed))
    assert list(facts.others) == ["everyday", "third", "unlimited"]
    for name in names[1:]:
        other = facts.others[name]
        assert other.reached == pytest.approx(math.exp(steep[name] * facts.alpha**1.5))
        assert other.trained == pytest.approx(math.exp(steep[name]))
        assert (other.asked, other.before) == (allowed, pytest.approx(AT_ZERO))
    assert facts.others["unlimited"].asked == math.inf


@pytest.mark.parametrize("first", ["perplexity", "everyday"])
def test_two_parabolas_end_at_the_first_budget_that_is_used_up(first: str) -> None:
    """An unlimited budget, even the first of them, does not count."""
    shapes = [lambda a: 0.5 * a**2, lambda a: 0.1 * a + 0.2 * a**2]
    second = {"perplexity": "everyday", "everyday": "perplexity"}[first]
    nats = dict(zip((first, second), shapes, strict=True))
    facts, tried = interpolate(
        {"unlimited": math.inf, "everyday": 1.1, "perplexity": 1.1},
        {"unlimited": lambda a: 9 * a} | nats,
    )
    assert max(function(facts.alpha) for function in nats.values()) == pytest.approx(aimed_at(1.1))
    assert len(tried) == 4  # both are parabolas, so the last point is exact


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_where_the_model_is_broken_the_middle_is_tried(broken: float) -> None:
    facts, tried = interpolate(
        {"perplexity": 1.2}, {"perplexity": lambda a: broken if a > 0.3 else 0.1 * a}
    )
    assert tried[:4] == [0, 1, 0.5, 0.25]
    assert 0.25 <= facts.alpha <= 0.3
    assert facts.note == NOT_USED_UP


@given(st.floats(0.05, 0.95))
def test_a_jump_is_bracketed(jump: float) -> None:
    """After two free guesses, at least every second one is the middle of what is left."""
    facts, tried = interpolate(
        {"perplexity": 1.01}, {"perplexity": lambda a: 1e-6 * a if a <= jump else 0.5 * a}
    )
    assert len(tried) <= 2 + MAX_ITERATIONS
    low = max(alpha for alpha in tried if alpha <= jump)
    high = min(alpha for alpha in tried if alpha > jump)
    halvings = (MAX_ITERATIONS - FREE_GUESSES) // 2
    assert high - low <= max(BUDGET_SHARE * high, 0.5**halvings)
    assert facts.alpha == max(alpha for alpha in tried if alpha <= jump)
    assert facts.note == NOT_USED_UP


@given(st.floats(0.6, 2.9), st.one_of(st.floats(0.5, 0.9), st.floats(1.1, 1.4)))
def test_growth_on_a_few_texts_is_that_on_all(power: float, stretch: float) -> None:
    """The first measurement on all texts gives the scale; the second point is exact."""
    few = 2 * stretch**power
    facts, tried = interpolate(
        {"perplexity": 1.1},
        {"perplexity": lambda a: 2 * a**power},
        rough={"perplexity": lambda a: few * a**power},
        max_alpha=3.0,
    )
    assert tried[0] == 0
    assert few * tried[1] ** power == pytest.approx(math.log(1.1), rel=0.1)
    assert len(tried) == 3
    assert 2 * facts.alpha**power == pytest.approx(aimed_at(1.1), rel=1e-3)
    assert facts.trained == pytest.approx(math.exp(few))  # never measured on all texts


@pytest.mark.parametrize(("power", "ratio", "assumed"), [(0.35, 1.15, 0.5), (4.0, 2.0, 3.0)])
def test_growth_is_taken_from_the_few_texts_within_bounds(
    power: float, ratio: float, assumed: float
) -> None:
    _, tried = interpolate(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.15 * a**power},
        rough={"perplexity": lambda a: 0.15 * ratio * a**power},
    )
    share = aimed_at(1.03) / (0.15 * tried[1] ** power)
    assert tried[2] == pytest.approx(tried[1] * share ** (1 / assumed))


def test_growth_is_also_found_between_points_that_fit() -> None:
    facts, tried = interpolate(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.004 * a**2},
        rough={"perplexity": lambda a: 0.0045 * a**2},
        max_alpha=5.0,
    )
    assert tried[:2] == [0, 2.5]  # on the few texts, 1 and 2.5 fit, and 2.5 uses the budget up
    assert len(tried) == 3
    assert 0.004 * facts.alpha**2 == pytest.approx(aimed_at(1.03), rel=1e-3)


@pytest.mark.parametrize("beyond", [0.5, math.inf])
def test_a_jump_on_the_few_texts_says_nothing_about_growth(beyond: float) -> None:
    """No loss before it, and any loss after it: the default exponent applies."""
    facts, tried = interpolate(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.2 * a**1.5},
        rough={"perplexity": lambda a: 0.0 if a <= 0.2 else beyond},
    )
    assert 0.15 < tried[1] <= 0.2
    assert len(tried) == 3
    assert 0.2 * facts.alpha**1.5 == pytest.approx(aimed_at(1.03))


def test_a_loss_on_the_few_texts_alone_does_not_count() -> None:
    facts, tried = interpolate(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.001 * a},
        rough={"perplexity": lambda a: 0.5 if a else 0.0},
    )
    assert tried == [0, 1]
    assert facts.alpha == 1
    assert facts.trained == pytest.approx(math.exp(0.001))


def test_a_known_perplexity_is_not_measured_again() -> None:
    facts, tried = interpolate(
        {"perplexity": 1.03}, {"perplexity": lambda a: a}, before={"perplexity": AT_ZERO / 2}
    )
    assert 0 not in tried
    assert facts.before == AT_ZERO / 2
    assert facts.alpha == 0  # twice the given perplexity is never within the budget


@pytest.mark.parametrize("name", ["perplexity", "everyday"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_an_original_model_without_a_finite_perplexity_is_refused(name: str, value: float) -> None:
    nats = {"perplexity": lambda a: a, "everyday": lambda a: a, name: lambda a: value}
    with pytest.raises(InputError, match=f"the original model's {name} is not finite"):
        interpolate({"perplexity": 1.03, "everyday": 1.03}, nats)


def test_parameters_without_original_weights_keep_their_trained_values() -> None:
    model = torch.nn.Linear(2, 2)
    trained = copy_weights(model)
    original = {"weight": torch.zeros(2, 2)}
    values = iter([10.0, 20.0, 14.99])
    facts, _ = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.5)}
    )
    assert 0 < facts.alpha < 1
    assert torch.allclose(model.weight, facts.alpha * trained["weight"])
    assert torch.equal(model.bias, trained["bias"])
    negate_update(model, original)
    assert torch.equal(model.bias, trained["bias"])


def test_a_negated_update_is_restored_after_an_error() -> None:
    model = torch.nn.Linear(2, 2)
    trained = copy_weights(model)
    with pytest.raises(RuntimeError), negated_update(model, {"weight": torch.ones(2, 2)}):
        raise RuntimeError
    assert all(torch.equal(p, trained[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("note", ["", NOT_USED_UP])
@pytest.mark.parametrize("everyday", [21.0, 22.0, 23.0])
@pytest.mark.parametrize("main", [10.0, 11.0, 12.0])
def test_rounded_weights_are_measured_again(note: str, everyday: float, main: float) -> None:
    before = BudgetFacts(
        1.1,
        1.05,
        10.0,
        1.3,
        alpha=0.5,
        note=note,
        others={"everyday": UtilityFacts(1.1, 1.02, 20.0, 1.2)},
    )
    constraints = {
        "perplexity": PerplexityConstraint(lambda: main, 11.0 / 10.0),
        "everyday": PerplexityConstraint(lambda: everyday, 22.0 / 20.0),
    }
    after = measure_after_rounding(before, constraints)
    assert (after.reached, after.others["everyday"].reached) == (main / 10, everyday / 20)
    over = ["perplexity"] * (main == 12) + ["everyday"] * (everyday == 23)
    *earlier, last = after.note.split(NOTED)
    assert (last.endswith(f": {', '.join(over)}") and last != note) if over else after.note == note
    assert earlier == ([note] if note and over else [])
    kept = replace(after, reached=before.reached, note=note, others=before.others)
    assert kept == before
    assert replace(after.others["everyday"], reached=1.02) == before.others["everyday"]
    moved = measure_after_rounding(replace(before, movement_asked=0.1), constraints)
    assert (moved.reached, moved.note) == (after.reached, note)  # no budget limits it
