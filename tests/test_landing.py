"""Landing on the budget: equal damage, and the original back bit for bit at α = 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts, UtilityFacts
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget import Budget
from fairforget.training.interpolation import (
    MOST_TRIES,
    NOT_USED_UP,
    NOTED,
    TOLERANCE,
    PerplexityConstraint,
    interpolate_to_budget,
    measure_after_rounding,
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


Nats = Callable[[float], float]
"""How much worse language modelling is at α: log perplexity there − log perplexity at 0."""
AT_ZERO = 20.0
"""Perplexity of the original model."""


def land_on_line(
    allowed: dict[str, float],
    nats: dict[str, Nats],
    *,
    rough: dict[str, Nats] | None = None,
    **options,
) -> tuple[BudgetFacts, list[float]]:
    """Land a model whose only weight is α itself; returns the facts and every α measured."""
    model = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(model.weight)
    tried: list[float] = []

    def damages(functions: dict[str, Nats]) -> dict[str, PerplexityConstraint]:
        def damage(name: str) -> PerplexityConstraint:
            return PerplexityConstraint(
                lambda: AT_ZERO * math.exp(functions[name](model.weight.item())), allowed[name]
            )

        return {name: damage(name) for name in allowed}

    facts = interpolate_to_budget(
        model,
        {"weight": torch.zeros(1, 1, dtype=torch.float64)},
        damages(nats),
        rough=damages(rough) if rough else None,
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


@given(BUDGETS, st.floats(1.05, 20))
def test_one_guess_suffices_where_damage_grows_as_expected(allowed: float, factor: float) -> None:
    """As α to the power of 1.5, which is assumed where nothing is known."""
    steep = factor * math.log(allowed)
    facts, tried = land_on_line({"perplexity": allowed}, {"perplexity": lambda a: steep * a**1.5})
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
    facts, tried = land_on_line(
        {"perplexity": allowed}, {"perplexity": lambda a: shallow * a**1.5}, max_alpha=reach
    )
    wanted = (aimed_at(allowed) / shallow) ** (1 / 1.5)
    at = 1.0
    for alpha in tried[2:]:
        assert alpha == pytest.approx(min(wanted, 1.5 * at, max_alpha))
        at = alpha
    assert facts.alpha == at <= reach
    left = math.log(allowed) - shallow * facts.alpha**1.5
    tolerance = min(TOLERANCE, math.log(allowed) / 10)
    assert 0 < left <= tolerance or at == pytest.approx(max_alpha)
    assert facts.note == (NOT_USED_UP if left > tolerance else "")
    assert facts.max_alpha == reach


@pytest.mark.parametrize(
    ("max_alpha", "expected"), [(1.0, [0, 1]), (1.25, [0, 1, 1.25]), (3.0, [0, 1, 1.5, 2.25, 3])]
)
@pytest.mark.parametrize("change", [0.0, -0.01])
def test_without_damage_the_result_is_as_far_as_allowed(max_alpha, expected, change) -> None:
    facts, tried = land_on_line(
        {"perplexity": 1.01}, {"perplexity": lambda a: change * a}, max_alpha=reach
    )
    assert tried == expected
    assert facts.alpha == reach
    assert facts.note == NOT_USED_UP


@given(BUDGETS, st.floats(0, 0.05), st.floats(1.5, 9))
def test_two_points_determine_a_parabola(allowed: float, linear: float, factor: float) -> None:
    """The guess after the first point inside the budget is exact: damage is aα + bα²."""
    square = factor * math.log(allowed)

    def nats(alpha: float) -> float:
        return square * (linear * alpha + alpha**2)

    facts, tried = land_on_line({"perplexity": allowed}, {"perplexity": nats})
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
    facts, tried = land_on_line(
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


def test_two_parabolas_end_at_the_first_that_is_used_up() -> None:
    early = {"perplexity": lambda a: 0.5 * a**2, "everyday": lambda a: 0.1 * a + 0.3 * a**2}
    for swapped in (False, True):
        names = list(early)[::-1] if swapped else list(early)
        nats = dict(zip(names, early.values(), strict=True))
        facts, tried = land_on_line(dict.fromkeys(("perplexity", "everyday"), 1.1), nats)
        assert len(tried) <= 5
        worst = max(function(facts.alpha) for function in nats.values())
        assert worst == pytest.approx(aimed_at(1.1), abs=TOLERANCE / 2 + 1e-9)
        assert worst <= math.log(1.1)


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_where_the_model_is_broken_the_middle_is_tried(broken: float) -> None:
    facts, tried = land_on_line(
        {"perplexity": 1.2}, {"perplexity": lambda a: broken if a > 0.3 else 0.1 * a}
    )
    assert tried[:4] == [0, 1, 0.5, 0.25]
    assert 0.25 <= facts.alpha <= 0.3
    assert facts.note == NOT_USED_UP


@given(st.floats(0.05, 0.95))
def test_a_jump_is_closed_in_on(jump: float) -> None:
    """Every third guess is the middle of what is left, whatever the damage looks like."""
    facts, tried = land_on_line(
        {"perplexity": 1.01}, {"perplexity": lambda a: 1e-6 * a if a <= jump else 0.5 * a}
    )
    assert len(tried) == 2 + MOST_TRIES
    for attempt in range(2, MOST_TRIES, 3):
        seen = tried[: 2 + attempt]
        low = max(alpha for alpha in seen if alpha <= jump)
        high = min(alpha for alpha in seen if alpha > jump)
        assert tried[2 + attempt] == pytest.approx((low + high) / 2)
    assert facts.alpha == max(alpha for alpha in tried if alpha <= jump)
    assert facts.note == NOT_USED_UP


@given(st.floats(0.6, 2.9), st.one_of(st.floats(0.5, 0.9), st.floats(1.1, 1.4)))
def test_growth_on_a_few_texts_is_that_on_all(power: float, stretch: float) -> None:
    """The first look at all texts tells how much they are hurt; the second one is exact."""
    few = 2 * stretch**power
    facts, tried = land_on_line(
        {"perplexity": 1.1},
        {"perplexity": lambda a: 2 * a**power},
        rough={"perplexity": lambda a: few * a**power},
        max_alpha=3.0,
    )
    assert tried[0] == 0
    assert math.log(1.1) - TOLERANCE <= few * tried[1] ** power <= math.log(1.1)
    assert len(tried) == 3
    assert 2 * facts.alpha**power == pytest.approx(aimed_at(1.1), rel=1e-3)
    assert facts.trained == pytest.approx(math.exp(few))  # never measured on all texts


@pytest.mark.parametrize(("power", "assumed"), [(0.35, 0.5), (4.0, 3.0)])
def test_growth_is_taken_from_the_few_texts_within_bounds(power: float, assumed: float) -> None:
    _, tried = land_on_line(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.15 * a**power},
        rough={"perplexity": lambda a: 0.3 * a**power},
    )
    share = aimed_at(1.03) / (0.15 * tried[1] ** power)
    assert tried[2] == pytest.approx(min(tried[1] * share ** (1 / assumed), 1.5 * tried[1], 1.0))


def test_growth_is_also_found_between_points_that_fit() -> None:
    facts, tried = land_on_line(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.008 * a**2},
        rough={"perplexity": lambda a: 0.006 * a**2},
        max_alpha=5.0,
    )
    assert len(tried) == 3
    assert 0.008 * facts.alpha**2 == pytest.approx(aimed_at(1.03), rel=1e-3)


def test_what_hurts_only_the_few_texts_is_tried_whole_on_all() -> None:
    facts, tried = land_on_line(
        {"perplexity": 1.03},
        {"perplexity": lambda a: 0.001 * a},
        rough={"perplexity": lambda a: 0.5 if a else 0.0},
    )
    assert tried == [0, 1]
    assert facts.alpha == 1
    assert facts.trained == pytest.approx(math.exp(0.001))


def test_the_damage_that_is_known_is_not_measured_again() -> None:
    facts, tried = land_on_line(
        {"perplexity": 1.03}, {"perplexity": lambda a: a}, before={"perplexity": AT_ZERO / 2}
    )
    assert 0 not in tried
    assert facts.before == AT_ZERO / 2
    assert facts.alpha == 0  # twice what is said to have been before is never within the budget


@pytest.mark.parametrize("name", ["perplexity", "everyday"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_broken_original_is_refused(name: str, value: float) -> None:
    nats = {"perplexity": lambda a: a, "everyday": lambda a: a, name: lambda a: value}
    with pytest.raises(InputError, match=f"perplexity on the {name} text is not finite"):
        land_on_line({"perplexity": 1.03, "everyday": 1.03}, nats)


def test_weights_without_an_original_stay_as_they_were_trained() -> None:
    model = torch.nn.Linear(2, 2)
    trained = weights(model)
    original = {"weight": torch.zeros(2, 2)}
    values = iter([10.0, 20.0, 14.99])
    facts = interpolate_to_budget(
        model, original, {"perplexity": PerplexityConstraint(lambda: next(values), 1.5)}
    )
    assert 0 < facts.alpha < 1
    assert torch.allclose(model.weight, facts.alpha * trained["weight"])
    assert torch.equal(model.bias, trained["bias"])
    negate_update(model, original)
    assert torch.equal(model.bias, trained["bias"])


def test_a_mirrored_model_is_put_back_after_an_error() -> None:
    model = torch.nn.Linear(2, 2)
    trained = weights(model)
    with pytest.raises(RuntimeError), negated_update(model, {"weight": torch.ones(2, 2)}):
        raise RuntimeError
    assert all(torch.equal(p, trained[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("note", ["", NOT_USED_UP])
@pytest.mark.parametrize("everyday", [21.0, 22.0, 23.0])
@pytest.mark.parametrize("main", [10.0, 11.0, 12.0])
def test_rounded_weights_are_measured_anew(note: str, everyday: float, main: float) -> None:
    before = BudgetFacts(
        1.1,
        1.05,
        10.0,
        1.3,
        alpha=0.5,
        note=note,
        others={"everyday": UtilityFacts(1.1, 1.02, 20.0, 1.2)},
    )
    damages = {
        "perplexity": PerplexityConstraint(lambda: main, 11.0 / 10.0),
        "everyday": PerplexityConstraint(lambda: everyday, 22.0 / 20.0),
    }
    after = measure_after_rounding(before, damages)
    assert (after.reached, after.others["everyday"].reached) == (main / 10, everyday / 20)
    over = ["perplexity"] * (main == 12) + ["everyday"] * (everyday == 23)
    *earlier, last = after.note.split(NOTED)
    assert (last.endswith(f": {', '.join(over)}") and last != note) if over else after.note == note
    assert earlier == ([note] if note and over else [])
    kept = replace(after, reached=before.reached, note=note, others=before.others)
    assert kept == before
    assert replace(after.others["everyday"], reached=1.02) == before.others["everyday"]
