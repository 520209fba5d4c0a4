"""Interpolate the weights of a debiased model to the same utility loss as every other method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from fairforget.budget import Budget
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts
from fairforget.terminal.progress import progress_bar
from fairforget.training.bounds import list_bounds, list_constraints, measure_bounds
from fairforget.training.budget_search import measure_perplexities
from fairforget.training.interpolation import interpolate_to_budget
from fairforget.training.original import Original
from fairforget.training.preparation import Sequences
from fairforget.training.unlearn import CHECK_TEXTS, join_notes, record_few


def copy_original(language_model: LanguageModel) -> dict[str, Tensor]:
    """Return a copy of the weights by name, including the output head if it is tied."""
    model = language_model.model
    copies = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    tied = {name: copies[of] for name, of in _tied_names(model).items() if of in copies}
    return copies | tied


def measure_original(
    language_model: LanguageModel,
    held_out: Mapping[str, Sequences],
    budget: Budget,
    *,
    states: bool,
) -> Original:
    """Return perplexities and, with `states`, the predictions from which movement is measured."""
    return Original(
        perplexities=measure_perplexities(list_constraints(language_model, held_out, budget)),
        states=record_few(language_model, held_out) if states else None,
    )


def interpolate_to_equal_cost(
    language_model: LanguageModel,
    original: Mapping[str, Tensor],
    held_out: Mapping[str, Sequences],
    budget: Budget,
    *,
    known: Original,
    max_alpha: float,
) -> BudgetFacts:
    """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first constraint is reached.

    Args:
        language_model: the debiased model, with weights θ; they are replaced.
        original: the weights θ₀ of the original model, from `copy_original`.
        held_out: kind → token ids of texts that no method trains on.
        budget: the maximum perplexity ratios and movement; harmful words are not limited.
        known: facts about the original model, from `measure_original`.
        max_alpha: the maximum α. A projection is complete at 1; beyond, it would reflect.
    """
    rises: dict[float, dict[str, float]] = {}
    with progress_bar("Interpolating") as advance:
        reached = interpolate_to_budget(
            language_model.model,
            original,
            list_constraints(language_model, held_out, budget),
            bounds=list_bounds(language_model, known, budget),
            rough=list_constraints(language_model, held_out, budget, CHECK_TEXTS),
            before=known.perplexities,
            rises=rises,
            max_alpha=max_alpha,
            progress=advance,
        )
    reached = measure_bounds(reached, language_model, known, budget, rises)
    return replace(reached, note=join_notes(reached.note, held_out, budget, known))


def _tied_names(model: Any) -> dict[str, str]:
    """Return the name of each tied weight → the name of the parameter that it shares."""
    parameters = {id(weight): name for name, weight in model.named_parameters()}
    everything = model.named_parameters(remove_duplicate=False)
    return {name: parameters[id(weight)] for name, weight in everything}
