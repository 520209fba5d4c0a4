"""A user's own objective: what a function may look like, and what tells objectives apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path
from threading import Lock

import pytest
import torch
from torch import Tensor

from fairforget.errors import InputError
from fairforget.objectives import OBJECTIVES, Objective, TokenLoss, as_objective
from fairforget.objectives.identity import identify_objective

from .run_unlearning import config


def scaled(factor: float):
    def loss(log_probs: Tensor, targets: Tensor) -> Tensor:
        return factor * log_probs.gather(-1, targets[:, None])[:, 0]

    return loss


def identify(loss: Objective | TokenLoss) -> str:
    return identify_objective(as_objective(loss))


def test_a_function_of_other_parameters_is_refused() -> None:
    for wrong, message in (
        (lambda log_probs: log_probs, "'<lambda>' takes 1 positional arguments; a loss takes"),
        (lambda a, b, c, d: a, "takes 4 positional arguments; a loss takes"),
        (3, "objective 'int' is not a function of"),
        (torch.add, "objective 'add' is not a function of"),
        (lambda a, b, *, weight: a, "'<lambda>' takes 'weight' by keyword only"),
        (lambda a, b, *, reference=None: a, "takes 'reference' by keyword only"),
    ):
        with pytest.raises(InputError, match=message):
            as_objective(wrong)
    assert as_objective(lambda a, b: a).ref_input == "none"
    assert as_objective(lambda a, b, weight=0.5: a).ref_input == "none"
    assert as_objective(lambda a, b, *, beta=1.0: a).ref_input == "none"
    assert as_objective(lambda a, b, reference=None: a).ref_input == "text"
    assert as_objective(lambda a, b, c: a).ref_input == "text"
    assert as_objective(lambda a, b, c, d=1: a).ref_input == "text"
    assert as_objective(lambda a, b=1, c=2: a).ref_input == "none"
    found = as_objective(scaled(1.0))
    assert (found.name, found.paper) == ("custom:loss", "user-defined; no paper")
    assert isinstance(as_objective(OBJECTIVES["npo"]), Objective)


def test_a_function_is_described_by_the_first_line_of_its_docstring() -> None:
    def gentle(log_probs: Tensor, targets: Tensor) -> Tensor:
        """Ascent, but weaker.

        More about it.
        """
        return 0.5 * log_probs.gather(-1, targets[:, None])[:, 0]

    assert as_objective(gentle).summary == "Ascent, but weaker"
    assert as_objective(scaled(1.0)).summary == ""
    assert as_objective(partial(gentle)).summary == ""  # not what Python says of every partial


def test_every_objective_has_a_summary() -> None:
    for name, objective in OBJECTIVES.items():
        assert objective.summary[-1:] not in ("", "."), name


def test_a_target_and_both_texts_go_together() -> None:
    trait_kl = OBJECTIVES["trait-kl"]
    with pytest.raises(InputError, match="'trait-kl': ref_input 'both' needs a target"):
        replace(trait_kl, target=None)
    with pytest.raises(InputError, match="ref_input is 'text'; set it to 'both', or remove"):
        replace(trait_kl, ref_input="text")
    without = {"ref_input": "text", "target": None}
    losses = {"target_word_loss": None, "retain_word_loss": None}
    assert replace(trait_kl, **without, **losses).target is None
    for name in losses:
        others = losses.keys() - {name}
        with pytest.raises(InputError, match=f"'trait-kl': a {name} needs a target"):
            replace(trait_kl, **without, **dict.fromkeys(others))


@pytest.mark.parametrize("field", ["ref_input", "default_selection"])
def test_an_unknown_choice_is_refused(field: str) -> None:
    """An unknown selection would mean all tokens, and an unknown input none."""
    for value in ("", "texts", "mention_to_span"):
        with pytest.raises(InputError, match=f"{field} '{value}' is unknown; choose from "):
            replace(OBJECTIVES["ascent"], **{field: value})


def test_another_loss_cannot_have_the_name_of_a_built_in_one(tmp_path: Path) -> None:
    npo = OBJECTIVES["npo"]
    for objective in (npo, npo.with_constants(0.2, None), replace(npo, name="mine")):
        assert config(tmp_path, objective=objective).objective == objective.name
    with pytest.raises(InputError, match="'npo' differs from the built-in objective of that name"):
        config(tmp_path, objective=replace(npo, loss=OBJECTIVES["ascent"].loss))


def test_the_constants_of_an_objective_are_those_it_trains_with(tmp_path: Path) -> None:
    npo = OBJECTIVES["npo"]
    log_probs = (
        torch.tensor([[0.2, 0.8]]).log(),
        torch.tensor([0]),
        torch.tensor([[0.6, 0.4]]).log(),
    )
    expected = npo.with_constants(0.5, None).loss(*log_probs)
    mine = config(tmp_path, objective=replace(npo, name="mine", beta=0.5))
    assert torch.equal(mine.load_objective().loss(*log_probs), expected)
    assert not torch.equal(npo.loss(*log_probs), expected)
    with pytest.raises(InputError, match="beta is -1"):
        config(tmp_path, objective=replace(npo, name="mine", beta=-1.0))


def test_a_loss_is_known_by_code_constants_and_captured_values() -> None:
    losses = [scaled(1.0), scaled(2.0), lambda a, b: a, lambda a, b: b, lambda a, b, c=1: a]
    losses += [OBJECTIVES["npo"].with_constants(beta, None) for beta in (0.2, 0.3)]
    names = [identify(loss) for loss in losses]
    assert len(set(names)) == len(losses)
    assert identify(scaled(1.0)) == names[0]
    assert identify(partial(losses[4], c=1)) != identify(losses[4])
    captured = Lock()
    with pytest.raises(InputError, match=r"a value of type 'lock', .*; remove output_dir"):
        identify(lambda a, b: captured)


SOURCES = {
    "variable": "WEIGHT = {w}\ndef loss(a, b):\n    return WEIGHT * a",
    "helper": "def weigh(a):\n    return {w} * a\ndef loss(a, b):\n    return weigh(a)",
    "comprehension": "WEIGHT = {w}\ndef loss(a, b):\n    return [WEIGHT * one for one in a]",
    "method": "def weigh(self, a):\n    return {w} * a\nWeigh = new(weigh=weigh)\n"
    "def loss(a, b):\n    return Weigh().weigh(a)",
    "recursion": "def loss(a, b):\n    return loss(a, b) if len(a) > {w} else a",
    "cache": "@cache\ndef weight():\n    return {w}\ndef loss(a, b):\n    return weight() * a",
}
"""What a loss takes from its module → code with the weight `w` in it."""


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_loss_is_known_by_the_globals_it_names(source: str) -> None:
    def weighing(weight: int) -> str:
        variables = {"cache": cache, "new": lambda **of: type("Weigh", (), of)}
        exec(source.format(w=weight), variables)
        return identify(variables["loss"])

    assert weighing(1) == weighing(1) != weighing(2)


def test_a_loss_is_known_by_all_numbers_of_what_it_captures() -> None:
    class Weights:
        def __init__(self, numbers: object) -> None:
            self.numbers = numbers

    def capturing(wrap: Callable[[Tensor], object], middle: float) -> str:
        numbers = torch.zeros(5000)
        numbers[2500] = middle
        captured = Weights(wrap(numbers))
        return identify(lambda a, b: captured)

    for wrap in (torch.clone, Tensor.bfloat16, Tensor.to_sparse, Tensor.numpy, Tensor.tolist):
        assert capturing(wrap, 1.0) == capturing(wrap, 1.0) != capturing(wrap, 2.0)
    assert capturing(torch.clone, 1.0) != capturing(Tensor.double, 1.0)
    assert capturing(torch.clone, 1.0) != capturing(lambda it: it[:, None], 1.0)


def test_the_order_of_a_set_is_chance() -> None:
    sets = {0, 8}, {8, 0}
    assert [*sets[0]] != [*sets[1]]
    assert len({identify(lambda a, b, kept=it: kept) for it in sets}) == 1


def test_a_compiled_loss_is_known_by_its_function() -> None:
    compiled = torch.compile(scaled(1.0), backend="eager")
    before = identify(compiled)
    compiled(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))
    assert identify(compiled) == before != identify(torch.compile(scaled(2.0)))


def test_an_objective_is_known_by_all_fields_that_change_its_result() -> None:
    trait_kl = OBJECTIVES["trait-kl"]
    others = {
        "name": "mine",
        "loss": scaled(1.0),
        "negated": True,
        "beta": 1.0,
        "gamma": 1.0,
        "default_selection": "spans",
        "target": lambda own, neutral, words, gender_neutral: neutral,
        "target_word_loss": lambda mine, reference, words, gender_neutral: mine[:, 0],
        "retain_word_loss": lambda mine, reference, words, gender_neutral: mine[:, 1],
        "has_target_distribution": False,
    }
    found = [identify(replace(trait_kl, **{name: value})) for name, value in others.items()]
    ascent = OBJECTIVES["ascent"]
    found += [identify(it) for it in (trait_kl, ascent, replace(ascent, ref_input="text"))]
    assert len({*found}) == len(found)
    described = replace(trait_kl, paper="mine", summary="does something else")
    assert identify(described) == identify(trait_kl)
    assert {*others, "ref_input", "paper", "summary"} == {f.name for f in fields(Objective)}


def test_a_callable_object_is_known_by_its_values() -> None:
    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, log_probs: Tensor, targets: Tensor) -> Tensor:
            return self.factor * log_probs.gather(-1, targets[:, None])[:, 0]

    names = [identify(Scaled(factor)) for factor in (1.0, 1.0, 2.0)]
    assert names[0] == names[1] != names[2]


def test_defaults_and_inner_functions_tell_losses_apart() -> None:
    def outer(factor: float):
        inner = scaled(factor)
        return lambda a, b: inner(a, b)

    names = [identify(outer(factor)) for factor in (1.0, 1.0, 2.0)]
    assert names[0] == names[1] != names[2]
    defaults = [identify(loss) for loss in (lambda a, b, c=1: a, lambda a, b, c=2: a)]
    keywords = [identify(loss) for loss in (lambda a, b, *, c=1: a, lambda a, b, *, c=2: a)]
    assert len({*defaults, *keywords}) == 4
