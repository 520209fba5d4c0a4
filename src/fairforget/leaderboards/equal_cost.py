"""Interpolate the weights of a debiased model to the same utility loss as every other method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fairforget.budget import Budget
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts
from fairforget.terminal.progress import progress_bar
from fairforget.training.bounds import list_constraints
from fairforget.training.interpolation import interpolate_to_budget
from fairforget.training.preparation import Sequences
from fairforget.training.unlearn import CHECK_TEXTS


def copy_original(language_model: LanguageModel) -> dict[str, Tensor]:
    """Return a copy of the weights by name, including the output head if it is tied."""
    model = language_model.model
    copies = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    tied = {name: copies[of] for name, of in _tied_names(model).items() if of in copies}
    return copies | tied


def interpolate_to_equal_cost(
    language_model: LanguageModel,
    original: Mapping[str, Tensor],
    held_out: Mapping[str, Sequences],
    budget: Budget,
    *,
    before: Mapping[str, float],
    max_alpha: float,
) -> BudgetFacts:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first constraint is reached.

    Args:
        language_model: the debiased model, with weights θ; they are replaced.
        original: the weights θ₀ of the original model, from `copy_original`.
        held_out: kind → token ids of texts that no method trains on.
        budget: the maximum perplexity ratios; its other limits have no effect.
        before: the perplexities of the original model.
        max_alpha: the maximum α. A projection is complete at 1; beyond, it would reflect.
    """
    with progress_bar("Interpolating") as advance:
        return interpolate_to_budget(
            language_model.model,
            original,
            list_constraints(language_model, held_out, budget),
            rough=list_constraints(language_model, held_out, budget, CHECK_TEXTS),
            before=before,
            max_alpha=max_alpha,
            progress=advance,
        )


def _tied_names(model: Any) -> dict[str, str]:
    """Return the name of each tied weight → the name of the parameter that it shares."""
    parameters = {id(weight): name for name, weight in model.named_parameters()}
    everything = model.named_parameters(remove_duplicate=False)
    return {name: parameters[id(weight)] for name, weight in everything}
