"""Interpolate the weights of a debiased model to the budget that all methods share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts
from fairforget.terminal.progress import progress_bar
from fairforget.training.limits import Limits
from fairforget.training.weights import clone_weights


def copy_original(language_model: LanguageModel) -> dict[str, Tensor]:
    """Return a copy of the weights by name, including the output head if it is tied."""
    model = language_model.model
    copies = clone_weights(model)
    tied = {name: copies[of] for name, of in _tied_names(model).items() if of in copies}
    return copies | tied


def interpolate_within_budget(limits: Limits, original: Mapping[str, Tensor]) -> BudgetFacts:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first limit is reached.

    Args:
        limits: on the debiased model, with weights θ, which are replaced. Harmful words are not
            limited.
        original: the weights θ₀ of the original model, from `copy_original`.
    """
    with progress_bar("Interpolating") as advance:
        reached, risen = limits.interpolate(original, progress=advance)
    return limits.complete(reached, risen)


def _tied_names(model: Any) -> dict[str, str]:
    """Return the name of each tied weight → the name of the parameter that it shares."""
    parameters = {id(weight): name for name, weight in model.named_parameters()}
    everything = model.named_parameters(remove_duplicate=False)
    return {name: parameters[id(weight)] for name, weight in everything}
