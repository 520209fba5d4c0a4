"""What a budget limits: perplexities, movement, and the rise in harmful words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from fairforget.budget import Budget
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts, MovementFacts
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget_search import Bound, PerplexityConstraint
from fairforget.training.harmful_words import TOLERANCE
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY, MAIN, MOVEMENT
from fairforget.training.original import Original
from fairforget.training.preparation import EVERYDAY, RETAIN, Sequences

HARMFUL_WORDS = "harmful_words"
"""Name of the guard on harmful words."""


def allowed_ratios(kinds: Iterable[str], budget: Budget) -> list[float]:
    """Return the largest perplexity ratio on held-out texts of each kind."""
    allowed = {RETAIN: budget.perplexity, EVERYDAY: budget.everyday_perplexity}
    return [allowed[kind] for kind in kinds]


def list_constraints(
    language_model: LanguageModel,
    held_out: Mapping[str, Sequences],
    budget: Budget,
    most: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, PerplexityConstraint]:
    """Return the constraints on perplexity, by name.

    Args:
        language_model: the model whose perplexity is measured, with its current weights.
        held_out: kind → token ids of its texts.
        budget: the largest ratios.
        most: kind → number of texts to measure. Default: all.
    """
    names = {RETAIN: MAIN, EVERYDAY: EVERYDAY_PERPLEXITY}
    return {
        names[kind]: PerplexityConstraint(
            partial(perplexity, language_model, texts[: most.get(kind)]), allowed
        )
        for (kind, texts), allowed in zip(
            held_out.items(), allowed_ratios(held_out, budget), strict=True
        )
    }


def list_bounds(language_model: LanguageModel, known: Original, budget: Budget) -> dict[str, Bound]:
    """Return what a budget limits besides perplexities, as far as it can be measured."""
    bounds = {}
    if known.harmful_words and budget.harmful_log_prob is not None:
        rise = partial(known.harmful_words.rise, language_model)
        bounds[HARMFUL_WORDS] = Bound(rise, budget.harmful_log_prob + TOLERANCE, is_guard=True)
    if known.states and budget.movement is not None:
        for kind in known.states.batches:
            movement = partial(known.states.divergence, language_model.model, kind)
            bounds[f"{kind}_{MOVEMENT}"] = Bound(movement, budget.movement)
    return bounds


def measure_bounds(
    reached: BudgetFacts, language_model: LanguageModel, known: Original, budget: Budget
) -> BudgetFacts:
    """Add the movement of a result, and its change of harmful words if that is bounded."""
    if states := known.states:
        asked = None if reached.movement_asked is not None else budget.movement
        movement, by_kind = states.divergences(language_model.model, [*states.batches])
        reached = replace(
            reached,
            movement=movement,
            movements={kind: MovementFacts(asked, value) for kind, value in by_kind.items()},
        )
    if known.harmful_words and budget.harmful_log_prob is not None:
        facts = known.harmful_words.facts(language_model, budget.harmful_log_prob)
        reached = replace(reached, harmful_words=facts)
    return reached
