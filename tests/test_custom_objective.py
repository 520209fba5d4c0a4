"""A function as an objective: its parameters, and what tells it from another function."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from fairforget.errors import InputError
from fairforget.objectives import OBJECTIVES, Objective, as_objective
from fairforget.objectives.objective import identify_loss


def scaled(factor: float):
    def loss(log_probs: Tensor, targets: Tensor) -> Tensor:
        return factor * log_probs.gather(-1, targets[:, None])[:, 0]

    return loss


def test_a_function_of_other_parameters_is_refused() -> None:
    for wrong, message in (
        (lambda log_probs: log_probs, "'<lambda>' takes 1 positional arguments; a loss takes"),
        (lambda a, b, c, d: a, "takes 4 positional arguments; a loss takes"),
        (3, "objective 'int' is not a function of"),
        (torch.add, "objective 'add' is not a function of"),
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
    assert replace(trait_kl, ref_input="text", target=None).target is None


def test_a_loss_is_known_by_code_constants_and_captured_values() -> None:
    losses = [scaled(1.0), scaled(2.0), lambda a, b: a, lambda a, b: b, lambda a, b, c=1: a]
    losses += [OBJECTIVES["npo"].with_constants(beta, None).loss for beta in (0.2, 0.3)]
    names = [identify_loss(as_objective(loss).loss) for loss in losses[:-2]]
    names += [identify_loss(loss) for loss in losses[-2:]]
    assert len(set(names)) == len(losses)
    assert identify_loss(scaled(1.0)) == names[0]
    assert identify_loss(partial(scaled(1.0), factor=1)) != identify_loss(scaled(1.0))
    captured = object()
    with pytest.raises(InputError, match="remove output_dir"):
        identify_loss(lambda a, b: captured)


def test_a_callable_object_is_known_by_its_values() -> None:
    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, log_probs: Tensor, targets: Tensor) -> Tensor:
            return self.factor * log_probs.gather(-1, targets[:, None])[:, 0]

    names = [identify_loss(Scaled(factor)) for factor in (1.0, 1.0, 2.0)]
    assert names[0] == names[1] != names[2]


def test_defaults_and_inner_functions_tell_losses_apart() -> None:
    def outer(factor: float):
        inner = scaled(factor)
        return lambda a, b: inner(a, b)

    names = [identify_loss(outer(factor)) for factor in (1.0, 1.0, 2.0)]
    assert names[0] == names[1] != names[2]
    defaults = [identify_loss(loss) for loss in (lambda a, b, c=1: a, lambda a, b, c=2: a)]
    keywords = [identify_loss(loss) for loss in (lambda a, b, *, c=1: a, lambda a, b, *, c=2: a)]
    assert len({*defaults, *keywords}) == 4
